//! Calls that are no calls: their arguments are expressions, not values.

use super::ast::{Expr, Fold, How, Kind};
use super::fault::CompileError;
use seawall_model::Str;

type Expanded = Result<Expr, CompileError>;

/// A call without a target.
pub(crate) fn global(function: Str, mut args: Vec<Expr>, at: u32) -> Expanded {
    if &*function == "has" && args.len() == 1 {
        let Some(Expr {
            kind:
                Kind::Select {
                    operand,
                    field,
                    optional: false,
                },
            at,
            ..
        }) = args.pop()
        else {
            return Err(CompileError::new(
                at,
                "invalid argument to has() macro: write has(object.field)",
            ));
        };
        return Expr::new(Kind::Has { operand, field }, at);
    }
    let target = None;
    Expr::new(
        Kind::Call {
            function,
            target,
            args,
        },
        at,
    )
}

/// A call of a member.
pub(crate) fn member(target: Expr, function: Str, args: Vec<Expr>, at: u32) -> Expanded {
    let how = match (&*function, args.len()) {
        ("all", 2 | 3) => How::All,
        ("exists", 2 | 3) => How::Exists,
        ("exists_one" | "existsOne", 2 | 3) => How::ExistsOne,
        ("map", 2 | 3) | ("transformList", 3 | 4) => How::List,
        ("filter", 2) => How::Filter,
        ("transformMap", 3 | 4) => How::Map,
        ("transformMapEntry", 3 | 4) => How::Entries,
        ("optMap", 2) => How::OptMap,
        ("optFlatMap", 2) => How::OptFlatMap,
        ("sortBy", 2) => How::SortBy,
        ("bind", 3) if is_ident(&target, "cel") => return bind(args, at),
        _ => {
            let target = Some(Box::new(target));
            return Expr::new(
                Kind::Call {
                    function,
                    target,
                    args,
                },
                at,
            );
        }
    };
    let two = match how {
        How::All | How::Exists | How::ExistsOne => args.len() == 3,
        How::List => function.starts_with("transform"),
        How::Map | How::Entries => true,
        _ => false,
    };
    let mut args = args.into_iter();
    let first = variable(args.next(), at)?;
    let second = if two {
        Some(variable(args.next(), at)?)
    } else {
        None
    };
    if second.as_ref() == Some(&first) {
        return Err(CompileError::new(at, "the two variables need two names"));
    }
    let last = args.next();
    let (filter, body) = match args.next() {
        Some(body) => (last, Some(body)),
        None => (None, last),
    };
    let Some(body) = body else {
        return Err(CompileError::new(
            at,
            format!("{function}() needs more arguments"),
        ));
    };
    let fold = Fold {
        how,
        range: target,
        first,
        second,
        filter,
        body,
    };
    Expr::new(Kind::Fold(Box::new(fold)), at)
}

fn is_ident(expr: &Expr, name: &str) -> bool {
    matches!(&expr.kind, Kind::Ident(ident) if &**ident == name)
}

fn variable(arg: Option<Expr>, at: u32) -> Result<Str, CompileError> {
    match arg {
        Some(Expr {
            kind: Kind::Ident(name),
            ..
        }) => Ok(name),
        arg => Err(CompileError::new(
            arg.map_or(at, |arg| arg.at),
            "argument must be a simple name",
        )),
    }
}

fn bind(args: Vec<Expr>, at: u32) -> Expanded {
    let mut args = args.into_iter();
    let name = variable(args.next(), at)?;
    match (args.next(), args.next()) {
        (Some(value), Some(body)) => {
            let (value, body) = (Box::new(value), Box::new(body));
            Expr::new(Kind::Bind { name, value, body }, at)
        }
        _ => Err(CompileError::new(
            at,
            "cel.bind() needs a name, a value and a body",
        )),
    }
}
