//! Names to addresses, public ones alone.

use std::{
    future::Future,
    io,
    net::SocketAddr,
    pin::Pin,
    task::{Context, Poll},
};

use hyper_util::client::legacy::connect::dns::{GaiResolver, Name};
use stubmart_kernel::network::is_public;
use tower::Service;

/// A name has an address that is not public.
#[derive(Debug)]
pub(crate) struct NotPublic;

impl std::fmt::Display for NotPublic {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the name has an address that is not public")
    }
}

impl std::error::Error for NotPublic {}

/// Looks names up; what it answers is what is connected to.
#[derive(Clone)]
pub(crate) struct Resolver {
    system: GaiResolver,
    takes_any: bool,
}

impl Resolver {
    pub(crate) fn new(takes_any: bool) -> Self {
        Self { system: GaiResolver::new(), takes_any }
    }
}

impl Service<Name> for Resolver {
    type Response = std::vec::IntoIter<SocketAddr>;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, io::Error>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), io::Error>> {
        self.system.poll_ready(context)
    }

    fn call(&mut self, name: Name) -> Self::Future {
        let (found, takes_any) = (self.system.call(name), self.takes_any);
        Box::pin(async move { checked(found.await?.collect(), takes_any) })
    }
}

/// The addresses, if all of them may be talked to. A name with one public address and one of the
/// operator's network is one that somebody made up for this.
fn checked(
    addresses: Vec<SocketAddr>,
    takes_any: bool,
) -> Result<std::vec::IntoIter<SocketAddr>, io::Error> {
    if takes_any || addresses.iter().all(|address| is_public(address.ip())) {
        return Ok(addresses.into_iter());
    }
    Err(io::Error::new(io::ErrorKind::PermissionDenied, NotPublic))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_address_that_is_not_public_is_enough_to_refuse_a_name() {
        let addresses = |texts: &[&str]| texts.iter().map(|it| it.parse().unwrap()).collect();
        let (public, private) = ("1.1.1.1:443", "10.0.0.1:443");
        assert_eq!(checked(addresses(&[public]), false).unwrap().len(), 1);
        assert!(checked(addresses(&[public, private]), false).is_err());
        assert!(checked(addresses(&[private]), false).is_err());
        assert_eq!(checked(addresses(&[private]), true).unwrap().len(), 1);
    }
}
