"""The genuine slapos.libnetworkcache as client, reader and server; see cache.rs. Prints what was checked."""

import hashlib
import http.client
import io
import json
import os
import sys
import urllib.parse

from slapos.libnetworkcache import NetworkcacheClient
from slapos.libnetworkcache import NetworkcacheException


def config(url, key=None):
    names = {
        "download-cache-url": url + "/shacache",
        "upload-cache-url": url + "/shacache",
        "download-dir-url": url + "/shadir",
        "upload-dir-url": url + "/shadir",
    }
    if key:
        names["signature-private-key-file"] = key
    return names


def cache(url, certificates, key=None):
    texts = [open(name).read() for name in certificates]
    return NetworkcacheClient(config(url, key), texts)


def raw(url, method, path, body=None, headers=None):
    address = urllib.parse.urlsplit(url)
    connection = http.client.HTTPConnection(address.hostname, address.port, timeout=20)
    connection.request(method, path, body, headers or {})
    answer = connection.getresponse()
    return answer.status, answer.read(), answer.headers


def check(name, is_right, shown=""):
    if not is_right:
        sys.exit("%s failed: %r" % (name, shown))
    print(name, end=" ")


def of_url(url):
    return "file-urlmd5:" + hashlib.md5(url.encode()).hexdigest()


def client(url, store):
    body = b"of theirs " * 100000
    sha512 = hashlib.sha512(body).hexdigest()
    key = of_url("http://h/theirs")
    theirs = cache(url, ["theirs.crt"], "theirs.key")
    check("K01", theirs.upload(io.BytesIO(body), key, url="http://h/theirs") == sha512)
    place = os.path.join(store, "sha256")
    before = sorted(os.listdir(place))
    check("K02", theirs.upload(io.BytesIO(body), key, url="http://h/theirs") == sha512)
    check("K02-same", sorted(os.listdir(place)) == before)
    found = list(theirs.select(key))
    check("K03", [entry["sha512"] for entry in found] == [sha512], found)
    check("K03-content", theirs.download(sha512).read() == body)
    check("K04", list(cache(url, ["stranger.crt"]).select(key)) == [])
    status, rest, head = raw(url, "GET", "/shacache/" + sha512, headers={"Range": "bytes=6-"})
    check("K06", status == 206 and rest == body[6:] and head["Accept-Ranges"] == "bytes", status)
    status, text, _ = raw(url, "PUT", "/shacache/" + "0" * 128, b"x")
    check("K07", status == 400 and text.strip() == b"Checksum mismatch", text)
    for wrong in ({}, "text", ["a", "b", "c"]):
        status, text, _ = raw(url, "PUT", "/shadir/k", json.dumps(wrong))
        check("K08", status == 400, (wrong, status, text))
    check("K09", raw(url, "GET", "/shacache/" + "1" * 128)[0] == 404)
    check("K09-dir", raw(url, "GET", "/shadir/pypi:nothing=1")[0] == 404)
    ours = list(cache(url, ["ours-rsa.crt"]).select(of_url("http://h/ours")))
    check("K13-ours", len(ours) == 1 and theirs.download(ours[0]["sha512"]).read() == b"of ours")
    sha256 = hashlib.sha256(b"of ours").hexdigest()
    content = os.path.join(place, sha256[:2], sha256)
    os.chmod(content, 0o644)
    with open(content, "wb") as file:
        file.write(b"of 0urs")
    try:
        theirs.download(ours[0]["sha512"]).read()
        check("K10", False, "changed content was taken")
    except NetworkcacheException:
        check("K10", True)
    print("- the genuine client on ours")


def reader(url):
    ours = list(cache(url, ["ours-rsa.crt"]).select(of_url("http://h/ours")))
    check("K13-there", ours and cache(url, []).download(ours[0]["sha512"]).read() == b"of ours", ours)
    print("- the genuine reader on the genuine server, filled by ours")


def server(tree):
    from slapos.libnetworkcachetests import NCHandler, Server

    os.makedirs(tree)
    serving = Server(tree, ("127.0.0.1", 0), NCHandler)
    print(json.dumps({"url": "http://127.0.0.1:%d" % serving.server_port}), flush=True)
    serving.serve_forever()


if __name__ == "__main__":
    globals()[sys.argv[1]](*sys.argv[2:])
