//! URLs → stores, by OpenDAL.

use std::collections::HashMap;

use opendal::services::{FsConfig, MemcachedConfig, RedisConfig, S3Config, WebdavConfig};
use opendal::{Configurator, HttpTransporter, Operator, OperatorUri, Result};
use opendal_http_transport_reqwest::ReqwestTransport;
use reqwest::Client;
use reqwest::redirect::Policy;

use super::told;
use crate::url::Url;

/// Where a directory has what is being written.
const UNFINISHED: &str = ".unfinished";

/// The store that an URL names. What follows a `?` are options of its service in
/// OpenDAL.
pub(super) fn open(url: &Url) -> Result<Operator, String> {
    // Nobody else is in this process to have installed one.
    let _ = rustls::crypto::ring::default_provider().install_default();
    if matches!(url.scheme(), "s3" | "webdav" | "webdavs") {
        let client = client().map_err(|_| "TLS cannot be set up".to_owned())?;
        HttpTransporter::install_default(ReqwestTransport::new(client));
    }
    service(url).map_err(|error| told(&error))
}

/// A client that asks nobody but the store: where that sends it elsewhere, it may mean
/// what is reached from this machine alone.
fn client() -> reqwest::Result<Client> {
    let builder = || Client::builder().redirect(Policy::none());
    // A system without certificates reaches what is not encrypted, at least.
    builder()
        .build()
        .or_else(|_| builder().tls_certs_only([]).build())
}

fn service(url: &Url) -> Result<Operator> {
    let (user, password) = url.user();
    let user = user.map(|user| ("username".to_owned(), user));
    let password = password.map(|password| ("password".to_owned(), password));
    let uri = OperatorUri::new(url.text(), user.into_iter().chain(password))?;
    let authority = uri.authority().unwrap_or_default();
    match url.scheme() {
        "s3" => of(S3Config::from_uri(&uri)?),
        "memcached" => of(MemcachedConfig::from_uri(&uri)?),
        scheme @ ("redis" | "rediss") => {
            let mut config = RedisConfig::from_uri(&uri)?;
            config.endpoint = Some(format!("{scheme}://{authority}"));
            of(config)
        }
        "fs" => {
            let root = format!("/{}", uri.root().unwrap_or_default());
            let mut config = FsConfig::default();
            config.root = Some(root.clone());
            let mut written = config.clone();
            written.atomic_write_dir = Some(format!("{root}/{UNFINISHED}"));
            // One that cannot be written to is there to be read.
            of(written).or_else(|_| of(config))
        }
        scheme => {
            let http = match scheme {
                "webdavs" => "https",
                _ => "http",
            };
            let mut options: HashMap<String, String> = uri.options().clone();
            options.insert("endpoint".to_owned(), format!("{http}://{authority}"));
            options.insert("root".to_owned(), uri.root().unwrap_or("/").to_owned());
            of(WebdavConfig::from_iter(options)?)
        }
    }
}

fn of(config: impl Configurator) -> Result<Operator> {
    Operator::from_config(config)
}
