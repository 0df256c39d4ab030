//! One thing that transactions can have in common, and its value.

use serde::{Deserialize, Serialize};

use super::names::EMPTY;

/// What is told apart: names by number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub(crate) enum FacetKey {
    /// An attribute of the transaction.
    Attribute(u32),
    /// Version of a service that it met.
    Version(u32),
    /// Revision of a service's configuration that it met.
    Configuration(u32),
    /// Instance of a service that it met.
    Instance(u32),
    /// Host that it met, whatever ran there.
    Host,
    /// Type of the error that it met.
    ErrorType,
    /// Region that it met.
    Region,
    /// Zone that it met.
    Zone,
    /// Cluster that it met.
    Cluster,
    /// Region in which it met a service.
    RegionOf(u32),
    /// Zone in which it met a service.
    ZoneOf(u32),
    /// Service that it met.
    Service,
}

impl FacetKey {
    /// The number by which the values of an attribute are counted; that of the error's type has none of its own.
    pub(crate) fn attribute(self) -> Option<u32> {
        match self {
            Self::Attribute(number) => Some(number),
            Self::ErrorType => Some(EMPTY),
            _ => None,
        }
    }

    /// The service that has it, where it is one service's: only who met that can have it.
    pub(crate) fn service(self) -> Option<Facet> {
        match self {
            Self::Version(service)
            | Self::Configuration(service)
            | Self::Instance(service)
            | Self::RegionOf(service)
            | Self::ZoneOf(service) => Some(Facet { key: Self::Service, value: u64::from(service) }),
            Self::Attribute(_)
            | Self::Host
            | Self::ErrorType
            | Self::Region
            | Self::Zone
            | Self::Cluster
            | Self::Service => None,
        }
    }

    /// What is kept first of one that has too many: whatever a transaction has few of, then attributes, then what each of its services has.
    pub(crate) fn rank(self) -> u8 {
        match self {
            Self::ErrorType | Self::Region | Self::Zone | Self::Cluster => 0,
            Self::Attribute(_) => 1,
            _ => 2,
        }
    }
}

/// A value of one; a name's number, or an attribute's hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub(crate) struct Facet {
    pub(crate) key: FacetKey,
    pub(crate) value: u64,
}

impl Facet {
    /// A number that sorts as it does: one comparison, where the derived one takes three.
    pub(crate) fn order(&self) -> u128 {
        let (kind, number) = match self.key {
            FacetKey::Attribute(number) => (0, number),
            FacetKey::Version(number) => (1, number),
            FacetKey::Configuration(number) => (2, number),
            FacetKey::Instance(number) => (3, number),
            FacetKey::Host => (4, 0),
            FacetKey::ErrorType => (5, 0),
            FacetKey::Region => (6, 0),
            FacetKey::Zone => (7, 0),
            FacetKey::Cluster => (8, 0),
            FacetKey::RegionOf(number) => (9, number),
            FacetKey::ZoneOf(number) => (10, number),
            FacetKey::Service => (11, 0),
        };
        kind << 96 | u128::from(number) << 64 | u128::from(self.value)
    }
}
