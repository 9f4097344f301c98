//! The checked-in OpenAPI file is the one that the router makes.

#[test]
fn openapi_file_is_up_to_date() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../openapi/v1.json");
    let made = slapos_master::http::openapi_json().unwrap();
    if std::env::var_os("SLAPOS_GENERATE").is_some() {
        std::fs::write(path, &made).unwrap();
    }
    let kept = std::fs::read_to_string(path).unwrap_or_default();
    assert!(
        made == kept,
        "openapi/v1.json is not what the router serves: run `cargo xtask generate`"
    );
}
