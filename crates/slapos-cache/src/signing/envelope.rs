//! A signed document that carries its own signatures: DSSE, as in-toto and SLSA use it.
//!
//! What is signed is the type and the text together, so that a text of one meaning is never taken for another.

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde::{Deserialize, Serialize};

use super::{Algorithm, KeyId, Signature, Signer, Trusted};

/// The envelope as it is written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Envelope {
    payload_type: String,
    /// In base64.
    payload: String,
    signatures: Vec<EnvelopeSignature>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct EnvelopeSignature {
    /// A hint only: whose it is, is found by trying.
    #[serde(default)]
    keyid: String,
    sig: String,
}

impl Envelope {
    /// A document of this type, signed by the Ed25519 keys of the signer; none when it has no such key.
    #[must_use]
    pub fn seal(payload_type: &str, payload: &str, signer: &Signer) -> Option<Envelope> {
        let text = signed_text(payload_type, payload);
        let signatures = signer.sign_modern(&text).into_iter();
        let signatures: Vec<EnvelopeSignature> = signatures
            .map(|(id, sig)| EnvelopeSignature {
                keyid: id.to_string(),
                sig,
            })
            .collect();
        (!signatures.is_empty()).then(|| Envelope {
            payload_type: payload_type.to_owned(),
            payload: BASE64.encode(payload),
            signatures,
        })
    }

    /// The document, when it is of this type, whoever signed it.
    #[must_use]
    pub fn payload(&self, payload_type: &str) -> Option<String> {
        let bytes = BASE64.decode(&self.payload).ok()?;
        let is_it = self.payload_type == payload_type;
        String::from_utf8(bytes).ok().filter(|_| is_it)
    }

    /// The trusted key that signed it.
    #[must_use]
    pub fn signer<'t>(&self, trusted: &'t Trusted) -> Option<&'t KeyId> {
        let text = signed_text(&self.payload_type, &self.payload(&self.payload_type)?);
        let signatures = self.signatures.iter().map(|signature| Signature {
            algorithm: Algorithm::Ed25519,
            value: signature.sig.clone(),
        });
        let signatures: Vec<Signature> = signatures.collect();
        trusted.signer_of(&text, &signatures)
    }
}

/// The pre-authentication encoding of DSSE, version 1.
fn signed_text(payload_type: &str, payload: &str) -> String {
    format!(
        "DSSEv1 {} {payload_type} {} {payload}",
        payload_type.len(),
        payload.len()
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::signing::generate;

    #[test]
    fn envelope_is_believed_of_its_key_for_its_type_and_text_only() {
        let pair = generate().unwrap();
        let signer = Signer::parse(&pair.private_pem).unwrap();
        let sealed = Envelope::seal("text/a", "{}", &signer).unwrap();
        let trusted = Trusted::parse(&pair.public_pem).unwrap();
        assert!(sealed.signer(&trusted).is_some());
        assert_eq!(sealed.payload("text/a").as_deref(), Some("{}"));
        assert_eq!(sealed.payload("text/b"), None);
        let other = Trusted::parse(&generate().unwrap().public_pem).unwrap();
        assert!(sealed.signer(&other).is_none());
        for changed in [
            Envelope {
                payload_type: "text/b".to_owned(),
                ..sealed.clone()
            },
            Envelope {
                payload: BASE64.encode("[]"),
                ..sealed.clone()
            },
            Envelope {
                payload: "?".to_owned(),
                ..sealed
            },
        ] {
            assert!(changed.signer(&trusted).is_none());
        }
    }

    #[test]
    fn signed_text_is_that_of_the_specification() {
        // The example of the protocol's own text.
        let text = signed_text("http://example.com/HelloWorld", "hello world");
        assert_eq!(
            text,
            "DSSEv1 29 http://example.com/HelloWorld 11 hello world"
        );
    }
}
