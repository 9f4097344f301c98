//! `/catalog/{name}`: what a software release is, takes and publishes.

use super::Panel;
use super::field::{Field, fields};
use super::page::{Frame, Page, render};
use super::readme::{Block, blocks};
use crate::app::{Proof, catalog};
use askama::Template;
use axum::extract::{Path, State};
use slapos_api::wire::catalog::CatalogEntry;
use std::collections::BTreeMap;

#[derive(Template)]
#[template(path = "catalog.html")]
struct CatalogPage {
    frame: Frame,
    entry: CatalogEntry,
    fields: Vec<Field>,
    blocks: Vec<Block>,
}

/// `GET /catalog/{name}`.
pub(super) async fn show(
    State(panel): State<Panel>,
    proof: Proof,
    Path(name): Path<String>,
) -> Page {
    let page = panel.read(proof, move |tx, caller| {
        let entry = catalog::find(tx, &name)?;
        Ok(CatalogPage {
            frame: Frame::new(caller, "request", &entry.title),
            fields: fields(&entry.schema, &BTreeMap::new()),
            blocks: blocks(&entry.readme),
            entry,
        })
    });
    Ok(render(&page.await?))
}
