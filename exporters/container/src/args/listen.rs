//! Flags of the address that the exporter listens on.

use std::net::IpAddr;
use std::str::FromStr;

/// Address of the metrics.
#[derive(clap::Args, Clone, Debug)]
#[command(next_help_heading = "Web")]
#[group(skip)]
pub struct ListenArgs {
    /// IP address to listen on (default: all)
    #[arg(id = "listen_ip", long = "listen_ip", value_name = "IP", default_value = "")]
    pub listen_ip: ListenIp,
    /// Port to listen on
    #[arg(id = "port", long = "port", value_name = "PORT", default_value_t = 8080)]
    pub port: u16,
}

impl ListenArgs {
    /// The two flags as one address; no IP means all of them.
    pub fn address(&self) -> String {
        match self.listen_ip.0 {
            None => format!(":{}", self.port),
            Some(IpAddr::V4(ip)) => format!("{ip}:{}", self.port),
            Some(IpAddr::V6(ip)) => format!("[{ip}]:{}", self.port),
        }
    }
}

/// An IP address, or none.
#[derive(Clone, Copy, Debug)]
pub struct ListenIp(Option<IpAddr>);

impl FromStr for ListenIp {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parse = |text: &str| text.parse().map_err(|_| "expected an IP address".to_owned());
        (!text.is_empty()).then(|| parse(text)).transpose().map(Self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_hold_ip_and_port() {
        let address = |ip: &str| ListenArgs { listen_ip: ip.parse().unwrap(), port: 1 }.address();
        assert_eq!(address(""), ":1");
        assert_eq!(address("127.0.0.1"), "127.0.0.1:1");
        assert_eq!(address("::1"), "[::1]:1");
        assert!("localhost".parse::<ListenIp>().is_err());
    }
}
