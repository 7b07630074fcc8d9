//! The certificates of the HTTPS front: an authority made for this run, a server certificate from it, and those of
//! clients.

use std::fmt;
use std::sync::Arc;

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa,
    KeyPair, KeyUsagePurpose,
};
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};

use super::serve::ServeError;

/// The names under which clients may reach the server.
const NAMES: [&str; 5] = ["localhost", "127.0.0.1", "::1", "kubernetes", "kubernetes.default.svc"];

/// An authority and the TLS settings of a server that it vouches for.
pub(crate) struct Credentials {
    pub(crate) authority: Authority,
    pub(crate) tls: Arc<ServerConfig>,
}

/// Who vouches for the server and for its clients.
pub(crate) struct Authority(CertifiedIssuer<'static, KeyPair>);

/// What a client proves by that it is some user: a certificate that the cluster's authority has signed, and its key.
///
/// ```no_run
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// use controller_testkit::Cluster;
///
/// let served = Cluster::new().serve().await?;
/// let jane = served.certificate("jane", &["developers"])?.expect("it is served over HTTPS");
/// std::fs::write("jane.crt", &jane.certificate_pem)?;
/// std::fs::write("jane.key", &jane.key_pem)?;
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct ClientCertificate {
    /// The certificate: `client-certificate` in a kubeconfig.
    pub certificate_pem: String,
    /// Its private key: `client-key`.
    pub key_pem: String,
}

impl Authority {
    /// One with this key, or a fresh one. Whoever trusts an authority trusts every other one with its key.
    pub(crate) fn with_key(pem: Option<&str>) -> Result<Authority, ServeError> {
        let key = pem.map_or_else(KeyPair::generate, KeyPair::from_pem)?;
        Ok(Authority(authority(key)?))
    }

    pub(crate) fn pem(&self) -> String {
        self.0.pem()
    }

    pub(crate) fn key_pem(&self) -> String {
        self.0.key().serialize_pem()
    }

    /// Vouches for a user.
    pub(crate) fn vouch(&self, user: &str, groups: &[&str]) -> Result<ClientCertificate, ServeError> {
        let mut params = CertificateParams::default();
        params.distinguished_name = DistinguishedName::new();
        for group in groups {
            params.distinguished_name.push(DnType::OrganizationName, *group);
        }
        params.distinguished_name.push(DnType::CommonName, user);
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        lifetime(&mut params);
        let key = KeyPair::generate()?;
        let certificate = params.signed_by(&key, &self.0)?;
        Ok(ClientCertificate { certificate_pem: certificate.pem(), key_pem: key.serialize_pem() })
    }
}

impl Credentials {
    /// Those of a server that this authority vouches for, or that shows a certificate of its user's. Clients are known by
    /// what this authority has signed, or one of the others.
    pub(crate) fn new(
        authority: Authority,
        own: Option<&ServerCertificate>,
        others: &[String],
    ) -> Result<Credentials, ServeError> {
        let (chain, key) = match own {
            Some(own) => own.read()?,
            None => {
                let key = KeyPair::generate()?;
                let certificate = server()?.signed_by(&key, &authority.0)?;
                let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
                (vec![certificate.der().clone()], key)
            }
        };
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut trusted = RootCertStore::empty();
        trusted.add(authority.0.der().clone())?;
        for certificate in others.iter().flat_map(|pem| CertificateDer::pem_slice_iter(pem.as_bytes())) {
            trusted.add(certificate.map_err(|why| unreadable("an authority of clients", why))?)?;
        }
        let verifier = WebPkiClientVerifier::builder_with_provider(trusted.into(), provider.clone());
        let mut tls = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_client_cert_verifier(verifier.allow_unauthenticated().build()?)
            .with_single_cert(chain, key)?;
        tls.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Ok(Credentials { authority, tls: Arc::new(tls) })
    }
}

/// What a server shows to its clients instead of a certificate of the cluster's authority.
#[derive(Clone)]
pub(crate) struct ServerCertificate {
    pub(crate) chain_pem: String,
    pub(crate) key_pem: String,
}

impl fmt::Debug for ServerCertificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The key is nobody's business.
        f.debug_struct("ServerCertificate").field("chain_pem", &self.chain_pem).finish_non_exhaustive()
    }
}

impl ServerCertificate {
    fn read(&self) -> Result<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>), ServeError> {
        let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(self.chain_pem.as_bytes()).collect();
        let chain = chain.map_err(|why| unreadable("the server's certificate", why))?;
        let key = PrivateKeyDer::from_pem_slice(self.key_pem.as_bytes());
        Ok((chain, key.map_err(|why| unreadable("the server's key", why))?))
    }
}

fn unreadable(what: &'static str, source: pem::Error) -> ServeError {
    ServeError::Pem { what, source: source.into() }
}

fn authority(key: KeyPair) -> Result<CertifiedIssuer<'static, KeyPair>, ServeError> {
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, "controller-testkit authority");
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign, KeyUsagePurpose::DigitalSignature];
    lifetime(&mut params);
    Ok(CertifiedIssuer::self_signed(params, key)?)
}

fn server() -> Result<CertificateParams, ServeError> {
    let mut params = CertificateParams::new(NAMES.map(str::to_owned))?;
    params.distinguished_name.push(DnType::CommonName, "kube-apiserver");
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    // Python's strict verification asks for it.
    params.use_authority_key_identifier_extension = true;
    lifetime(&mut params);
    Ok(params)
}

/// A lifetime that no machine's clock is outside of, and that old date formats can write.
fn lifetime(params: &mut CertificateParams) {
    params.not_before = rcgen::date_time_ymd(2020, 1, 1);
    params.not_after = rcgen::date_time_ymd(2049, 12, 31);
}
