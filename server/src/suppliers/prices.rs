//! What a simulated supplier asks for a product: made of nothing but the two names, so that a demo and a test can count on it.
//!
//! Invariant: the same supplier and handle give the same offer, on every machine and in every version.

use domain::kinds::supplier_quotes::Quote;
use sha2::{Digest as _, Sha256};

/// The offer of a supplier for a product.
pub fn quote(supplier: &str, handle: &str) -> Quote {
    // A product costs about the same everywhere; each supplier is up to a sixth dearer or cheaper.
    let cents = 500 + figure(&[handle]) % 19_500;
    let cents = cents * (84 + figure(&[supplier, handle]) % 33) / 100;
    let delivery_days = 1 + figure(&[handle, supplier]) % 10;
    Quote {
        handle: handle.to_owned(),
        price: format!("{}.{:02}", cents / 100, cents % 100),
        currency: "EUR".to_owned(),
        delivery_days: u32::try_from(delivery_days).unwrap_or(1),
    }
}

/// A number made of names.
fn figure(names: &[&str]) -> u64 {
    let hash = Sha256::digest(names.join("\n").as_bytes());
    hash.iter().take(6).fold(0, |figure, byte| (figure << 8) | u64::from(*byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn offers_are_sound_the_same_each_time_and_differ_between_suppliers() {
        for handle in ["mug", "thé-vert", "a very long handle"] {
            let prices: Vec<_> =
                ["alba", "borealis", "cobalt"].iter().map(|supplier| quote(supplier, handle)).collect();
            assert!(prices.iter().all(Quote::is_sound));
            assert!(prices[0].price != prices[1].price || prices[1].price != prices[2].price, "{prices:?}");
        }
        assert_eq!(quote("alba", "mug"), quote("alba", "mug"));
    }
}
