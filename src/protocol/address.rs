//! Where the driver can be reached: which of its addresses it offers, and which a worker tries first.
//!
//! Names and the driver's own idea of its address are often wrong on clusters (loopback in /etc/hosts, the
//! wrong network), so every address is offered and the first one where the driver proves itself is kept.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

/// An address of an interface, with the length of its network's prefix.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Interface {
    /// The address.
    pub ip: IpAddr,
    /// How many leading bits are the network's.
    pub prefix: u8,
}

/// Where a worker may find the driver.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Candidate {
    /// An address of one of the driver's interfaces.
    Address(Interface, u16),
    /// A host as the user named it.
    Host(String, u16),
}

/// This machine's interfaces that are up, by name.
pub fn interfaces() -> Vec<(String, Interface)> {
    let Ok(all) = nix::ifaddrs::getifaddrs() else { return Vec::new() };
    let up = all.filter(|interface| interface.flags.contains(nix::net::if_::InterfaceFlags::IFF_UP));
    up.filter_map(|interface| {
        let address = ip(interface.address.as_ref()?)?;
        let prefix = interface.netmask.as_ref().and_then(ip).map_or(0, prefix_length);
        Some((interface.interface_name, Interface { ip: address, prefix }))
    })
    .collect()
}

fn ip(address: &nix::sys::socket::SockaddrStorage) -> Option<IpAddr> {
    let v4 = address.as_sockaddr_in().map(|address| IpAddr::V4(address.ip()));
    v4.or_else(|| address.as_sockaddr_in6().map(|address| IpAddr::V6(address.ip())))
}

fn prefix_length(mask: IpAddr) -> u8 {
    match mask {
        IpAddr::V4(mask) => u32::from(mask).leading_ones() as u8,
        IpAddr::V6(mask) => u128::from(mask).leading_ones() as u8,
    }
}

/// Which of the driver's interfaces to offer: private ones first; no link-local and no container bridges;
/// loopback only where there is nothing else.
pub fn offer(interfaces: &[(String, Interface)], port: u16) -> Vec<Candidate> {
    const BRIDGES: [&str; 5] = ["docker", "br-", "virbr", "veth", "cni"];
    let bridge = |name: &str| BRIDGES.iter().any(|prefix| name.starts_with(prefix));
    let mut offered: Vec<Interface> = interfaces
        .iter()
        .filter(|(name, interface)| !bridge(name) && !interface.ip.is_loopback() && !link_local(interface.ip))
        .map(|&(_, interface)| interface)
        .collect();
    offered.sort_by_key(|interface| (!private(interface.ip), interface.ip.is_ipv6()));
    if offered.is_empty() {
        offered.push(Interface { ip: Ipv4Addr::LOCALHOST.into(), prefix: 8 });
    }
    offered.into_iter().map(|interface| Candidate::Address(interface, port)).collect()
}

/// The order in which a worker with these interfaces tries: networks it is on first, else as offered.
pub fn order(mut candidates: Vec<Candidate>, own: &[(String, Interface)]) -> Vec<Candidate> {
    let near = |candidate: &Candidate| match candidate {
        Candidate::Address(theirs, _) => own.iter().any(|(_, ours)| same_network(*theirs, *ours)),
        Candidate::Host(..) => true,
    };
    candidates.sort_by_key(|candidate| !near(candidate));
    candidates
}

fn private(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => ip.is_private(),
        IpAddr::V6(ip) => ip.is_unique_local(),
    }
}

fn link_local(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => ip.is_link_local() || ip.is_unspecified(),
        IpAddr::V6(ip) => ip.is_unicast_link_local() || ip.is_unspecified(),
    }
}

fn same_network(a: Interface, b: Interface) -> bool {
    let prefix = a.prefix.min(b.prefix);
    if prefix == 0 {
        return false;
    }
    let bits = |ip| match ip {
        IpAddr::V4(ip) => u128::from(u32::from(ip)) << 96,
        IpAddr::V6(ip) => u128::from(ip),
    };
    a.ip.is_ipv4() == b.ip.is_ipv4() && (bits(a.ip) ^ bits(b.ip)).leading_zeros() >= u32::from(prefix)
}

impl fmt::Display for Candidate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Candidate::Address(interface, port) => write!(f, "{}/{} {port}", interface.ip, interface.prefix),
            Candidate::Host(host, port) => write!(f, "{host} {port}"),
        }
    }
}

impl FromStr for Candidate {
    type Err = String;

    /// Reads what `Display` writes.
    fn from_str(text: &str) -> Result<Self, String> {
        let damaged = || format!("`{text}` is not an address and a port");
        let (host, port) = text.split_once(' ').ok_or_else(damaged)?;
        let port = port.parse().map_err(|_| damaged())?;
        let Some((ip, prefix)) = host.split_once('/') else {
            return Ok(Candidate::Host(host.to_owned(), port));
        };
        let ip: IpAddr = ip.parse().map_err(|_| damaged())?;
        let prefix = prefix.parse().map_err(|_| damaged())?;
        Ok(Candidate::Address(Interface { ip, prefix }, port))
    }
}

/// The address that is bound when nothing else is said: every interface, both families where there are both.
pub const ANY: [IpAddr; 2] = [IpAddr::V6(Ipv6Addr::UNSPECIFIED), IpAddr::V4(Ipv4Addr::UNSPECIFIED)];

#[cfg(test)]
mod tests {
    use super::*;

    fn interface(name: &str, ip: &str, prefix: u8) -> (String, Interface) {
        (name.to_owned(), Interface { ip: ip.parse().expect("an address"), prefix })
    }

    fn texts(candidates: &[Candidate]) -> Vec<String> {
        candidates.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn private_addresses_are_offered_first_and_loopback_docker_and_link_local_never() {
        let interfaces = [
            interface("lo", "127.0.0.1", 8),
            interface("docker0", "172.17.0.1", 16),
            interface("eth0", "198.51.100.7", 24),
            interface("ib0", "10.4.0.7", 16),
            interface("eth0", "fe80::1", 64),
        ];
        assert_eq!(texts(&offer(&interfaces, 9)), ["10.4.0.7/16 9", "198.51.100.7/24 9"]);
    }

    #[test]
    fn loopback_is_offered_where_it_is_alone() {
        assert_eq!(texts(&offer(&[interface("lo", "127.0.0.1", 8)], 9)), ["127.0.0.1/8 9"]);
    }

    #[test]
    fn a_worker_tries_its_own_network_first() {
        let offered: Vec<Candidate> =
            ["10.4.0.7/16 9", "192.168.1.7/24 9"].map(|text| text.parse().expect("an address")).into();
        let own = [interface("eth0", "192.168.1.30", 24)];
        assert_eq!(texts(&order(offered, &own)), ["192.168.1.7/24 9", "10.4.0.7/16 9"]);
    }

    #[test]
    fn candidates_are_read_as_they_are_written() {
        for text in ["10.4.0.7/16 9", "2001:db8::1/64 65535", "login1.example.org 54000"] {
            assert_eq!(text.parse::<Candidate>().expect("readable").to_string(), text);
        }
        assert!("nonsense".parse::<Candidate>().is_err());
    }
}
