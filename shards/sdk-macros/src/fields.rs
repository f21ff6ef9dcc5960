//! `#[arguments]` and `#[data]`: derives, and `#[field(..)]` turned into schemars and serde attributes.

use proc_macro2::TokenStream;
use quote::{format_ident, quote};
use syn::spanned::Spanned;
use syn::{Attribute, Data, DeriveInput, Error, Expr, Field, Fields, Ident, LitStr, RangeLimits, Result, parse_quote};

#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Role {
    Arguments,
    Data,
}

pub(crate) fn expand(role: Role, attribute: TokenStream, item: TokenStream) -> Result<TokenStream> {
    if !attribute.is_empty() {
        return Err(Error::new(attribute.span(), "takes no arguments"));
    }
    let mut item: DeriveInput = syn::parse2(item)?;
    let name = item.ident.clone();
    let fields: Vec<&mut Fields> = match &mut item.data {
        Data::Struct(it) => vec![&mut it.fields],
        Data::Enum(it) => it.variants.iter_mut().map(|variant| &mut variant.fields).collect(),
        Data::Union(it) => return Err(Error::new(it.union_token.span(), "expected a struct or an enum")),
    };
    let mut defaults = Vec::new();
    for field in fields.into_iter().flatten() {
        rewrite(role, &name, field, &mut defaults)?;
    }
    // Before the author's own serde attributes: a helper attribute must follow the derive that knows it.
    item.attrs.splice(0..0, derives(role));
    let defaults = (!defaults.is_empty()).then(|| quote! { #[doc(hidden)] impl #name { #(#defaults)* } });
    Ok(quote! { #item #defaults })
}

fn derives(role: Role) -> Vec<Attribute> {
    let mut attributes: Vec<Attribute> = match role {
        Role::Arguments => vec![
            // Serialize is there for schemars, which writes defaults into the schema.
            parse_quote! { #[derive(
                Debug, Clone, ::nexus_shard::serde::Serialize, ::nexus_shard::serde::Deserialize, ::nexus_shard::schemars::JsonSchema
            )] },
            parse_quote! { #[serde(deny_unknown_fields)] },
        ],
        Role::Data => vec![parse_quote! { #[derive(
            Debug, Clone, PartialEq, ::nexus_shard::serde::Serialize, ::nexus_shard::schemars::JsonSchema
        )] }],
    };
    attributes.push(parse_quote! { #[serde(crate = "::nexus_shard::serde")] });
    attributes.push(parse_quote! { #[schemars(crate = "::nexus_shard::schemars")] });
    attributes
}

fn rewrite(role: Role, owner: &Ident, field: &mut Field, defaults: &mut Vec<TokenStream>) -> Result<()> {
    let (ours, theirs) = std::mem::take(&mut field.attrs)
        .into_iter()
        .partition::<Vec<_>, _>(|attribute| attribute.path().is_ident("field"));
    field.attrs = theirs;
    for attribute in ours {
        attribute.parse_nested_meta(|meta| {
            if meta.path.is_ident("range") {
                let bounds = bounds(meta.value()?.parse()?)?;
                field.attrs.push(parse_quote! { #[schemars(range(#bounds))] });
            } else if meta.path.is_ident("length") {
                let bounds = bounds(meta.value()?.parse()?)?;
                field.attrs.push(parse_quote! { #[schemars(length(#bounds))] });
            } else if meta.path.is_ident("pattern") {
                let pattern: LitStr = meta.value()?.parse()?;
                field.attrs.push(parse_quote! { #[schemars(regex(pattern = #pattern))] });
            } else if meta.path.is_ident("class") {
                let class = meta.value()?.parse::<Ident>()?.to_string();
                field.attrs.push(parse_quote! { #[schemars(extend("x-nexus-class" = #class))] });
            } else if meta.path.is_ident("default") && role == Role::Arguments {
                let value: Expr = meta.value()?.parse()?;
                let (function, attribute) = default(owner, field, &value)?;
                defaults.push(function);
                field.attrs.push(attribute);
            } else {
                let accepted = match role {
                    Role::Arguments => "accepted: range, length, pattern, class, default",
                    Role::Data => "accepted: range, length, pattern, class",
                };
                return Err(meta.error(accepted));
            }
            Ok(())
        })?;
    }
    Ok(())
}

/// `1..=9`, `1..` or `..=9` as `min = 1, max = 9`. A half-open range would say another number than the schema's `maximum`.
fn bounds(range: Expr) -> Result<TokenStream> {
    let Expr::Range(range) = range else {
        return Err(Error::new(range.span(), "expected a range such as 1..=100"));
    };
    let min = range.start.as_ref().map(|start| quote! { min = #start });
    let max = match (&range.limits, &range.end) {
        (_, None) => None,
        (RangeLimits::Closed(_), Some(end)) => Some(quote! { max = #end }),
        (RangeLimits::HalfOpen(_), Some(end)) => {
            return Err(Error::new(end.span(), "the upper end is included: write ..= before it"));
        }
    };
    let both = [min, max].into_iter().flatten();
    Ok(quote! { #(#both),* })
}

fn default(owner: &Ident, field: &Field, value: &Expr) -> Result<(TokenStream, Attribute)> {
    let Some(name) = &field.ident else {
        return Err(Error::new(field.span(), "only a named field can have a default"));
    };
    let function = format_ident!("__default_{}", name);
    let path = format!("{owner}::{function}");
    let ty = &field.ty;
    Ok((quote! { fn #function() -> #ty { #value } }, parse_quote! { #[serde(default = #path)] }))
}
