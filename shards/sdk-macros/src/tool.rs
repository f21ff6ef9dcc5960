//! `#[tool(..)]`: keeps the function and puts a type of the same name beside it that implements `Tool`.

use proc_macro2::TokenStream;
use quote::quote;
use syn::meta::ParseNestedMeta;
use syn::parse::Parser;
use syn::spanned::Spanned;
use syn::{Attribute, Error, Expr, FnArg, Ident, ItemFn, Lit, LitBool, LitStr, Meta, Result, ReturnType, Type};

pub(crate) fn expand(attribute: TokenStream, item: TokenStream) -> Result<TokenStream> {
    let function: ItemFn = syn::parse2(item)?;
    let mut keys = Keys::default();
    syn::meta::parser(|meta| keys.read(&meta)).parse2(attribute)?;

    let ident = &function.sig.ident;
    let visibility = &function.vis;
    let name = keys.name.ok_or_else(|| missing(&function, "name = \"..\""))?;
    check_name(&name)?;
    let title = keys.title.ok_or_else(|| missing(&function, "title = \"..\""))?;
    let category = keys.category.ok_or_else(|| missing(&function, "category = read | audit | report | write"))?;
    let writes = category == "Write";
    let description = description(&function.attrs);
    if description.is_empty() {
        return Err(Error::new(
            ident.span(),
            "a tool needs a doc comment: it is the description by which a model chooses",
        ));
    }
    let destructive = keys.destructive.unwrap_or(writes);
    let idempotent = keys.idempotent.unwrap_or(!writes);
    let open_world = keys.open_world.unwrap_or(true);
    let read_only = !writes;
    let ReturnType::Type(_, returned) = &function.sig.output else {
        return Err(missing(&function, "a return type: Result<Output<..>, ToolError>"));
    };
    let (arguments, inputs) = inputs(&function)?;

    Ok(quote! {
        #function

        #[doc(hidden)]
        #[allow(non_camel_case_types, reason = "carries the name of its function")]
        #visibility struct #ident {}

        impl ::nexus_shard::Tool for #ident {
            const NAME: &'static str = #name;
            const TITLE: &'static str = #title;
            const DESCRIPTION: &'static str = #description;
            const CATEGORY: ::nexus_shard::Category = ::nexus_shard::Category::#category;
            const ANNOTATIONS: ::nexus_shard::Annotations = ::nexus_shard::Annotations {
                read_only: #read_only,
                destructive: #destructive,
                idempotent: #idempotent,
                open_world: #open_world,
            };
            type Arguments = #arguments;
            type Answer = <#returned as ::nexus_shard::Returned>::Answer;

            fn call(arguments: Self::Arguments, call: &::nexus_shard::Call) -> #returned {
                let _ = (&arguments, call);
                #ident(#inputs)
            }
        }
    })
}

#[derive(Default)]
struct Keys {
    name: Option<LitStr>,
    title: Option<LitStr>,
    category: Option<Ident>,
    destructive: Option<bool>,
    idempotent: Option<bool>,
    open_world: Option<bool>,
}

impl Keys {
    fn read(&mut self, meta: &ParseNestedMeta<'_>) -> Result<()> {
        let flag = || Ok::<_, Error>(Some(meta.value()?.parse::<LitBool>()?.value));
        if meta.path.is_ident("name") {
            self.name = Some(meta.value()?.parse()?);
        } else if meta.path.is_ident("title") {
            self.title = Some(meta.value()?.parse()?);
        } else if meta.path.is_ident("category") {
            self.category = Some(category(&meta.value()?.parse()?)?);
        } else if meta.path.is_ident("destructive") {
            self.destructive = flag()?;
        } else if meta.path.is_ident("idempotent") {
            self.idempotent = flag()?;
        } else if meta.path.is_ident("open_world") {
            self.open_world = flag()?;
        } else {
            return Err(meta.error("accepted: name, title, category, destructive, idempotent, open_world"));
        }
        Ok(())
    }
}

fn category(word: &Ident) -> Result<Ident> {
    let variant = match word.to_string().as_str() {
        "read" => "Read",
        "audit" => "Audit",
        "report" => "Report",
        "write" => "Write",
        _ => return Err(Error::new(word.span(), "expected read, audit, report or write")),
    };
    Ok(Ident::new(variant, word.span()))
}

/// The host would refuse the whole shard for a wrong name, at its first start. The compiler says it earlier.
fn check_name(name: &LitStr) -> Result<()> {
    let text = name.value();
    let fits = text.len() <= 64
        && text.starts_with(|c: char| c.is_ascii_lowercase())
        && text.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_');
    if fits { Ok(()) } else { Err(Error::new(name.span(), "expected [a-z][a-z0-9_]*, at most 64 characters")) }
}

/// The type of the arguments, and what to hand to the function.
fn inputs(function: &ItemFn) -> Result<(TokenStream, TokenStream)> {
    let mut types = Vec::new();
    for input in &function.sig.inputs {
        match input {
            FnArg::Typed(typed) => types.push(&*typed.ty),
            FnArg::Receiver(_) => return Err(Error::new(input.span(), "a tool is a free function")),
        }
    }
    let is_call = |ty: &Type| matches!(ty, Type::Reference(_));
    let none = quote! { ::nexus_shard::NoArguments };
    match types.as_slice() {
        [] => Ok((none, quote! {})),
        [one] if is_call(one) => Ok((none, quote! { call })),
        [one] => Ok((quote! { #one }, quote! { arguments })),
        [one, two] if !is_call(one) && is_call(two) => Ok((quote! { #one }, quote! { arguments, call })),
        _ => Err(Error::new(function.sig.inputs.span(), "expected (arguments, &Call), (arguments), (&Call) or ()")),
    }
}

/// Lines of a paragraph are joined; an empty line stays a paragraph break.
fn description(attributes: &[Attribute]) -> String {
    let mut text = String::new();
    for attribute in attributes.iter().filter(|attribute| attribute.path().is_ident("doc")) {
        let Meta::NameValue(pair) = &attribute.meta else {
            continue;
        };
        let Expr::Lit(literal) = &pair.value else { continue };
        let Lit::Str(line) = &literal.lit else { continue };
        let line = line.value();
        let line = line.trim();
        if line.is_empty() {
            text.push_str("\n\n");
        } else {
            if !text.is_empty() && !text.ends_with('\n') {
                text.push(' ');
            }
            text.push_str(line);
        }
    }
    text.trim().to_owned()
}

fn missing(function: &ItemFn, what: &str) -> Error {
    Error::new(function.sig.ident.span(), format!("a tool needs {what}"))
}
