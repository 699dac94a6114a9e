"""What a hostile gateway sends around JSON: status lines, headers, sizes of chunks, bytes."""

from __future__ import annotations

from hostile_texts import KEY, SIGNED

STATUS_LINES: tuple[bytes, ...] = (
    *(
        b"200 OK",
        b"200",
        b"200 \x1b[2J\x1b[31mred",
        b"200 " + b"a" * 5000,
        b"200 \xff\xfe",
        b"201 Created",
        b"202 x",
    ),
    *(
        b"204 No Content",
        b"206 Partial",
        b"207 x",
        b"226 x",
        b"300 x",
        b"301 x",
        b"302 x",
        b"303 x",
        b"304 x",
        b"307 x",
    ),
    *(
        b"308 x",
        b"400 x",
        b"401 x",
        b"402 x",
        b"403 x",
        b"404 x",
        b"405 x",
        b"407 x",
        b"408 x",
        b"409 x",
        b"410 x",
    ),
    *(
        b"413 x",
        b"418 x",
        b"422 x",
        b"425 x",
        b"429 x",
        b"431 x",
        b"451 x",
        b"499 x",
        b"500 x",
        b"501 x",
        b"502 x",
    ),
    *(
        b"503 x",
        b"504 x",
        b"505 x",
        b"520 x",
        b"530 x",
        b"599 x",
        b"600 x",
        b"999 x",
        b"099 x",
        b"1000 x",
        b"abc x",
    ),
    *(
        b"-1 x",
        b"",
        b"100 Continue",
        b"101 Switching",
        b"102 x",
        b"103 Early Hints",
        b"+200 x",
        b"2e2 x",
        b"\xd9\xa1 x",
    ),
)

HEADERS: tuple[tuple[bytes, bytes], ...] = (
    *(
        (b"Retry-After", value)
        for value in (
            *(
                b"0",
                b"1",
                b"3",
                b"-1",
                b"1.5",
                b"1e9",
                b"99999999999999999999",
                b"9" * 5000,
                b"\xb2",
                b"0x10",
                b"",
                b"nan",
            ),
            *(
                b"inf",
                b"soon",
                b"Wed, 21 Oct 2099 07:28:00 GMT",
                b"Wed, 1 Apr 10000 99999999999:1:1 GMT",
                b"1 Jan 0001 00:00:00 +1400",
            ),
            *(
                b"Wed, 31 Dec 9999 23:59:59 -9999",
                b"Wed, 99 Xyz 2026 99:99:99 ABC",
                b"Sun, 06 Nov 1994 08:49:37",
                b"1, 2",
            ),
            *(
                b"Mon, 1 Jan 2026 00:00:00 +99999999999999",
                b"1 1 1 1:1:1:1 1",
                b"Wed, 1 Apr -5 1:1:1 GMT",
                b"\x1b[2J\xff",
            ),
        )
    ),
    *(
        (b"Location", value)
        for value in (
            *(
                b"http://evil.example/",
                b"//evil.example/",
                b"/",
                b"",
                b"http://[::1@]x/",
                b"http://host:99999999/",
                b"http://[",
            ),
            *(
                b"\xff\xfe",
                b"http://a/\x1b[2J",
                b"https://user:pass@host/a?token=1#f",
                b"a" * 5000,
                SIGNED.encode(),
                b"\xd8\x00",
            ),
            *(
                f"http://h/{KEY}".encode(),
                f"http://h/?k={KEY}".encode(),
                f"http://h/{KEY.replace('/', '%2F')}".encode(),
            ),
        )
    ),
    *(
        (b"Content-Type", value)
        for value in (
            *(
                b"text/html",
                b"image/png",
                b"application/json; charset=utf-16",
                b"application/json; charset=nonsense",
            ),
            *(
                b"",
                b"\xff",
                b"a" * 3000,
                b'text/plain; charset="',
                b"application/json; charset=idna",
                b"multipart/form-data",
            ),
        )
    ),
    *(
        (b"Content-Encoding", value)
        for value in (
            *(
                b"",
                b"identity",
                b"gzip",
                b"deflate",
                b"br",
                b"zstd",
                b"compress",
                b"x-gzip",
                b"gzip, gzip",
                b"nonsense",
            ),
            *(
                b", ".join([b"gzip"] * 5),
                b", ".join([b"deflate"] * 800),
                b"gzip, br, zstd",
                b"GZIP",
                b"\xff",
                b"gzip;q=0",
            ),
        )
    ),
    *(
        (b"Content-Length", value)
        for value in (
            *(
                b"0",
                b"1",
                b"-1",
                b"99",
                b"9" * 30,
                b"9" * 5000,
                b"1.5",
                b"0x10",
                b"abc",
                b"",
                b"5, 5",
                b"5, 6",
                b"+7",
                b" 3 ",
                b"\xb2",
            ),
        )
    ),
    *(
        (b"Transfer-Encoding", value)
        for value in (b"chunked", b"gzip", b"gzip, chunked", b"identity", b"\xff", b"chunked, chunked")
    ),
    *((b"Connection", value) for value in (b"close", b"keep-alive", b"upgrade", b"")),
    *(
        (b"Set-Cookie", value)
        for value in (
            b"a=b",
            b"a=b; Expires=Wed, 99 Xyz 10000",
            b"a" * 5000,
            b"\xff=\xfe; Domain=\xff",
            b"=;;=",
        )
    ),
    *(
        (b"Date", b"nonsense"),
        (b"Trailer", b"Content-Length"),
        (b"WWW-Authenticate", b'Basic realm="\x1b[2J"'),
    ),
    *(
        (b"Content-Range", b"bytes 0-1/2"),
        (b"Upgrade", b"h2c"),
        (b"Strict-Transport-Security", b"max-age=1"),
        (b"Link", b"<>"),
    ),
    *(
        (b"X Bad Name", b"a"),
        (b"", b"a"),
        (b"X-\xff", b"a"),
        (b"NoColon\r\nX", b"a"),
        (b"X-Fold", b"a\r\n b"),
        (b"X-Long", b"a" * 70_000),
    ),
    *(
        (b"X-Nul", b"a\0b"),
        (b"X", b"a\rb"),
        (b" Content-Type", b"text/html"),
        (b"X-Esc", b"\x1b[2J"),
        (b"\n", b"\n"),
    ),
)

INTO_BODIES: tuple[bytes, ...] = (
    *(
        b"\xff",
        b"\xfe\xff",
        b"\xc0\x80",
        b"\xed\xa0\x80",
        b"\xef\xbb\xbf",
        b"\xef\xbb\xbf" * 2,
        b"\0",
        b"\xf8\x88\x80\x80\x80",
    ),
    *(
        b"\n",
        b"\r\n\r\n",
        b"\x1b[2J",
        b",",
        b"}",
        b"]",
        b'"',
        b"\\",
        b"<html>",
        b"//",
        b"null",
        KEY.encode(),
        SIGNED.encode(),
    ),
    *(b" " * 3000, b"HTTP/1.1 200 OK\r\n\r\n", b"[" * 2000, b'{"a":' * 2000),
)

CHUNK_SIZES: tuple[bytes, ...] = (
    *(
        b"-1",
        b"ffffffffffffffffffff",
        b"zz",
        b"",
        b"0",
        b"1;ext=\x1b[2J",
        b"5;" + b"a" * 70_000,
        b"+5",
        b"0x5",
        b"\xb2",
    ),
)
