//! How often each client called, or a script counted under a key: as many times at once as are allowed in all,
//! and then one by one as time goes by.
//!
//! Bounded: what is remembered of each is one moment, and of no more than [`MOST_CLIENTS`].

use std::{
    collections::HashMap,
    hash::{BuildHasher as _, Hash, RandomState},
    net::{IpAddr, Ipv6Addr},
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

/// The most clients, or keys, that are remembered; beyond it, one that is remembered is forgotten.
const MOST_CLIENTS: usize = 16_384;

/// When each of many will have used up nothing.
#[derive(Debug)]
struct Counters<K>(Mutex<HashMap<K, Instant>>);

impl<K> Default for Counters<K> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<K: Clone + Eq + Hash> Counters<K> {
    /// Counts one, which costs `cost` of `per`.
    ///
    /// # Errors
    ///
    /// How long to wait, if there were too many.
    fn take(&self, key: K, cost: Duration, per: Duration, now: Instant) -> Result<(), Duration> {
        let mut counters = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let even = counters.get(&key).copied().unwrap_or(now).max(now) + cost;
        let wait = even.duration_since(now).saturating_sub(per);
        if !wait.is_zero() {
            return Err(wait);
        }
        if counters.len() >= MOST_CLIENTS && !counters.contains_key(&key) {
            counters.retain(|_, even| *even > now);
            let full = counters.len() >= MOST_CLIENTS;
            if let Some(other) = counters.keys().next().cloned().filter(|_| full) {
                counters.remove(&other);
            }
        }
        counters.insert(key, even);
        Ok(())
    }

    /// Whether nothing is counted against anyone any more.
    fn is_even(&self, now: Instant) -> bool {
        let counters = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        counters.values().all(|even| *even <= now)
    }
}

/// Counts the calls of each client.
#[derive(Debug)]
pub(crate) struct Rates {
    per: Duration,
    /// What one call costs of `per`.
    cost: Duration,
    even: Counters<IpAddr>,
}

impl Rates {
    /// `times` calls, not 0, in the time `per`.
    pub(crate) fn new(times: u32, per: Duration) -> Self {
        Self { per, cost: per / times.max(1), even: Counters::default() }
    }

    /// Counts a call of a client.
    ///
    /// # Errors
    ///
    /// How long it has to wait, if it called too often.
    pub(crate) fn take(&self, client: IpAddr, now: Instant) -> Result<(), Duration> {
        self.even.take(one_of_its_network(client), self.cost, self.per, now)
    }
}

/// What a script counts under keys of its own. The same key with another limit is counted for itself.
#[derive(Debug, Default)]
pub(crate) struct KeyRates {
    even: Counters<(Fingerprint, u32, Duration)>,
    /// What makes fingerprints, unlike those of any other.
    hashers: [RandomState; 2],
}

/// What is remembered of a key, however long it is: two hashes whose secrets nobody knows.
type Fingerprint = [u64; 2];

impl KeyRates {
    /// Counts one under a key; whether there were fewer than `times`, not 0, in the time `per`.
    pub(crate) fn take(&self, key: &str, times: u32, per: Duration, now: Instant) -> bool {
        let fingerprint = self.hashers.each_ref().map(|hasher| hasher.hash_one(key));
        self.even.take((fingerprint, times, per), per / times.max(1), per, now).is_ok()
    }
}

/// The counters of the routes of one plugin. A route that is loaded anew finds its own again, as long as
/// its limit is the same.
#[derive(Debug, Default)]
pub(crate) struct RouteRates {
    by_route: Mutex<HashMap<(String, u32, Duration), Arc<Rates>>>,
}

impl RouteRates {
    /// The counter of a route with the limit of `times` calls in the time `per`. Counters that no route
    /// has any more are forgotten once they would refuse nobody.
    pub(crate) fn of(&self, route: String, times: u32, per: Duration) -> Arc<Rates> {
        let mut all = self.by_route.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        all.retain(|_, rates| Arc::strong_count(rates) > 1 || !rates.even.is_even(now));
        let new = || Arc::new(Rates::new(times, per));
        Arc::clone(all.entry((route, times, per)).or_insert_with(new))
    }
}

/// One client may have all addresses of an IPv6 network of 64 bits.
fn one_of_its_network(client: IpAddr) -> IpAddr {
    match client.to_canonical() {
        IpAddr::V4(address) => IpAddr::V4(address),
        IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() >> 64 << 64)),
    }
}

#[cfg(test)]
mod tests {
    use std::{
        net::{IpAddr, Ipv4Addr, Ipv6Addr},
        time::{Duration, Instant},
    };

    use super::{KeyRates, MOST_CLIENTS, Rates, RouteRates};

    const ANN: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));

    #[test]
    fn so_many_calls_pass_and_then_one_by_one() {
        let rates = Rates::new(3, Duration::from_secs(30));
        let began = Instant::now();
        for _ in 0..3 {
            assert_eq!(rates.take(ANN, began), Ok(()));
        }
        assert_eq!(rates.take(ANN, began), Err(Duration::from_secs(10)));
        let later = began + Duration::from_secs(10);
        assert_eq!(rates.take(ANN, later), Ok(()));
        assert_eq!(rates.take(ANN, later), Err(Duration::from_secs(10)));
        assert_eq!(rates.take(IpAddr::V4(Ipv4Addr::new(192, 0, 2, 2)), later), Ok(()));
    }

    #[test]
    fn a_network_of_many_addresses_is_one_client() {
        let rates = Rates::new(1, Duration::from_secs(1));
        let now = Instant::now();
        let address = |last| IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 0, 1, 0, 0, 0, last));
        assert_eq!(rates.take(address(1), now), Ok(()));
        assert!(rates.take(address(2), now).is_err());
    }

    #[test]
    fn no_more_clients_are_remembered_than_allowed() {
        let rates = Rates::new(1, Duration::from_secs(60));
        let now = Instant::now();
        for number in 0..u32::try_from(MOST_CLIENTS).unwrap() + 100 {
            assert_eq!(rates.take(IpAddr::V4(Ipv4Addr::from_bits(number)), now), Ok(()));
        }
        assert_eq!(rates.even.0.lock().unwrap().len(), MOST_CLIENTS);
    }

    #[test]
    fn keys_and_limits_are_counted_each_for_itself() {
        let rates = KeyRates::default();
        let began = Instant::now();
        let take = |key, times, after| {
            let now = began + Duration::from_secs(after);
            rates.take(key, times, Duration::from_secs(60), now)
        };
        assert!(take("a", 2, 0) && take("a", 2, 0) && !take("a", 2, 0));
        assert!(take("b", 2, 0) && take("a", 3, 0));
        assert!(!take("a", 2, 29) && take("a", 2, 30) && !take("a", 2, 30));
    }

    #[test]
    fn a_counter_is_found_again_until_it_would_refuse_nobody() {
        let rates = RouteRates::default();
        let hour = Duration::from_secs(3600);
        let take =
            |route: &str, per| rates.of(route.to_owned(), 1, per).take(ANN, Instant::now()).is_ok();
        assert!(take("GET /", hour));
        assert!(!take("GET /", hour));
        assert!(take("GET /other", Duration::ZERO));
        assert!(!take("GET /", hour));
        assert_eq!(rates.by_route.lock().unwrap().len(), 1);
    }
}
