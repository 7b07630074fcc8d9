//! Whom a call trusts: those whom its authorities vouch for, and the authorities themselves.
//!
//! Go takes a server whose certificate is itself among the authorities, as many a webhook's is that signs its own;
//! by the letter of X.509 only what they have signed is good.

use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{CertificateError, ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme};

/// What a client is told that trusts these authorities, in PEM, and nobody else.
pub(super) fn client(authorities: &[u8]) -> Result<ClientConfig, Error> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let authorities: Vec<_> = CertificateDer::pem_slice_iter(authorities).flatten().collect();
    let mut roots = RootCertStore::empty();
    for certificate in &authorities {
        // One that can't be read vouches for nobody.
        let _ = roots.add(certificate.clone());
    }
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider)).with_safe_default_protocol_versions()?;
    if roots.is_empty() {
        return Ok(builder.with_root_certificates(roots).with_no_client_auth());
    }
    let trust = Trust::new(authorities, roots, provider)?;
    Ok(builder.dangerous().with_custom_certificate_verifier(Arc::new(trust)).with_no_client_auth())
}

#[derive(Debug)]
struct Trust {
    authorities: Vec<CertificateDer<'static>>,
    by_the_letter: Arc<WebPkiServerVerifier>,
}

impl Trust {
    fn new(
        authorities: Vec<CertificateDer<'static>>,
        roots: RootCertStore,
        provider: Arc<CryptoProvider>,
    ) -> Result<Trust, Error> {
        let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider).build();
        Ok(Trust { authorities, by_the_letter: verifier.map_err(|error| Error::General(error.to_string()))? })
    }
}

impl ServerCertVerifier for Trust {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let verdict = self.by_the_letter.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now);
        match verdict {
            // Its time was looked at before its issuer was looked for.
            Err(Error::InvalidCertificate(
                CertificateError::UnknownIssuer | CertificateError::BadSignature | CertificateError::Other(_),
            )) if self.authorities.contains(end_entity) => {
                rustls::client::verify_server_name(&ParsedCertificate::try_from(end_entity)?, server_name)?;
                Ok(ServerCertVerified::assertion())
            }
            verdict => verdict,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.by_the_letter.verify_tls12_signature(message, cert, dss)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.by_the_letter.verify_tls13_signature(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.by_the_letter.supported_verify_schemes()
    }
}

#[cfg(test)]
mod tests {
    use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};

    use super::*;

    fn named(name: &str) -> CertificateParams {
        CertificateParams::new(vec![name.to_owned()]).expect("a name")
    }

    fn verdict(authority: &CertificateDer<'static>, shown: &CertificateDer<'_>, name: &str) -> Result<(), Error> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut roots = RootCertStore::empty();
        roots.add(authority.clone()).expect("a certificate");
        let trust = Trust::new(vec![authority.clone()], roots, provider).expect("an authority");
        let name = ServerName::try_from(name.to_owned()).expect("a name");
        trust.verify_server_cert(shown, &[], &name, &[], UnixTime::now()).map(drop)
    }

    #[test]
    fn a_server_is_trusted_that_is_its_own_authority() {
        let key = || KeyPair::generate().expect("a key");
        let mut params = named("authority");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let authority = CertifiedIssuer::self_signed(params.clone(), key()).expect("a certificate");
        let signed = named("localhost").signed_by(&key(), &authority).expect("a certificate");
        let stranger = named("localhost").self_signed(&key()).expect("a certificate");
        let (authority, signed, stranger) = (authority.der(), signed.der(), stranger.der());
        for (trusted, shown, name, good) in [
            (authority, signed, "localhost", true),
            // Neither is told who signed it.
            (signed, signed, "localhost", true),
            (stranger, stranger, "localhost", true),
            (authority, authority, "authority", true),
            (signed, signed, "elsewhere", false),
            (authority, stranger, "localhost", false),
            (signed, stranger, "localhost", false),
        ] {
            let verdict = verdict(trusted, shown, name);
            assert_eq!(verdict.is_ok(), good, "{name}: {verdict:?}");
        }
    }
}
