"""Reads root/.slapos/sbom.cdx.json and provenance.dsse.json with the programs of others."""

import json

from cryptography.hazmat.primitives.serialization import load_pem_public_key
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from securesystemslib.dsse import Envelope
from securesystemslib.exceptions import VerificationError
from securesystemslib.signer import SSlibKey

text = open("root/.slapos/sbom.cdx.json").read()
validator = JsonStrictValidator(SchemaVersion.V1_5)
found = validator.validate_str(text)
assert found is None, found
damaged = json.loads(text)
damaged["components"][0]["hashes"] = [{"alg": "SHA-256", "content": "zz"}]
assert validator.validate_str(json.dumps(damaged)) is not None
sbom = json.loads(text)
refs = {one["bom-ref"] for one in sbom["components"]} | {"release"}
for one in sbom["dependencies"]:
    assert one["ref"] in refs and set(one["dependsOn"]) <= refs, one
print(f"CycloneDX 1.5: {len(refs)} components are valid")

envelope = json.load(open("root/.slapos/provenance.dsse.json"))
public = load_pem_public_key(open("ours.pub", "rb").read())
keyid = envelope["signatures"][0]["keyid"]
key = SSlibKey.from_crypto(public, keyid=keyid)


def verify(document):
    # In base64 there, in hexadecimal in its own objects: it converts both ways.
    return Envelope.from_dict(json.loads(json.dumps(document))).verify([key], 1)


assert keyid in verify(envelope)
import base64

payload = json.loads(base64.b64decode(envelope["payload"]))
assert payload["_type"] == "https://in-toto.io/Statement/v1"
assert payload["predicateType"] == "https://slsa.dev/provenance/v1"
definition = payload["predicate"]["buildDefinition"]
assert definition["buildType"] and definition["externalParameters"]["profile"]
assert payload["predicate"]["runDetails"]["builder"]["id"]
sources = {one["digest"]["sha256"] for one in definition["resolvedDependencies"]}
assert len(sources) == 1, sources
for subject in payload["subject"]:
    assert subject["name"] and subject["digest"], subject
payload["subject"][0]["name"] = "other"
envelope["payload"] = base64.b64encode(json.dumps(payload).encode()).decode()
try:
    verify(envelope)
except VerificationError:
    pass
else:
    raise AssertionError("a changed statement is believed")
print(f"DSSE: the statement of {len(payload['subject'])} subjects is signed, and only as it is")
