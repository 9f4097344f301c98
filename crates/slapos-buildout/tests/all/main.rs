//! Tests of the profile language against the answers of genuine engines, and of its bounds.
