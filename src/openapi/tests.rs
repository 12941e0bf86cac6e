//! Documents of routes that are made by hand.
