"""All operators; import them from here."""

from __future__ import annotations

from airflow_provider_mj.operators.base import MJSubmitOperator
from airflow_provider_mj.operators.drawing import (
    MJBlendOperator,
    MJDescribeOperator,
    MJEditsOperator,
    MJImagineOperator,
    MJShortenOperator,
    MJSwapFaceOperator,
    MJUploadImagesOperator,
    MJVideoOperator,
)
from airflow_provider_mj.operators.pressing import MJActionOperator, MJModalOperator
from airflow_provider_mj.operators.result import MJTaskResultOperator
from airflow_provider_mj.operators.saving import MJSaveImagesOperator

__all__ = [
    "MJActionOperator",
    "MJBlendOperator",
    "MJDescribeOperator",
    "MJEditsOperator",
    "MJImagineOperator",
    "MJModalOperator",
    "MJSaveImagesOperator",
    "MJShortenOperator",
    "MJSubmitOperator",
    "MJSwapFaceOperator",
    "MJTaskResultOperator",
    "MJUploadImagesOperator",
    "MJVideoOperator",
]
