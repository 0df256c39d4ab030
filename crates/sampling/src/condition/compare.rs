//! Comparisons: what can be compared with what.

use cel::{IdedExpr, common::ast::Expr};

use super::{
    check::{Checked, Checker, Typed, as_text, one, path},
    expression::{Bool, Number, Text},
};
use crate::{compile::Compare, text::TextTest};

impl Checker<'_> {
    pub(super) fn compare(
        &mut self,
        at: &IdedExpr,
        compare: Compare,
        left: &IdedExpr,
        right: &IdedExpr,
    ) -> Checked<Bool> {
        let equal = matches!(compare, Compare::Equal | Compare::NotEqual);
        let negated = |condition: Bool| {
            if compare == Compare::NotEqual { Bool::Not(Box::new(condition)) } else { condition }
        };
        let numbers = |left, right| Ok(Bool::Compare(compare, left, right));
        match (self.typed(left)?, self.typed(right)?) {
            (Typed::Number(left), Typed::Number(right)) | (Typed::Time(left), Typed::Time(right)) => {
                numbers(left, right)
            }
            (Typed::Attribute(slot), Typed::Number(right)) => numbers(Number::Attribute(slot), right),
            (Typed::Number(left), Typed::Attribute(slot)) => numbers(left, Number::Attribute(slot)),
            (Typed::Attribute(left), Typed::Attribute(right)) if !equal => {
                numbers(Number::Attribute(left), Number::Attribute(right))
            }
            (Typed::Bool(left), Typed::Bool(right)) if equal => {
                // The same: both or neither.
                let neither = [&left, &right].map(|side| Bool::Not(Box::new(side.clone())));
                Ok(negated(Bool::Or(vec![Bool::And(vec![left, right]), Bool::And(neither.into())])))
            }
            (Typed::Attribute(slot), Typed::Bool(Bool::Constant(value)))
            | (Typed::Bool(Bool::Constant(value)), Typed::Attribute(slot))
                if equal =>
            {
                let wanted = if value { "true" } else { "false" };
                Ok(negated(Bool::Text(Text::Attribute(slot), one(wanted))))
            }
            (left, right) if equal => match (as_text(left), as_text(right)) {
                (Some(left), Some(Text::Constant(text))) | (Some(Text::Constant(text)), Some(left)) => {
                    Ok(negated(Bool::Text(left, TextTest::In(vec![text]))))
                }
                (Some(left), Some(right)) => Ok(negated(Bool::SameText(left, right))),
                _ => self.error(at, "these have different types: a time is compared with duration(\"2s\"), a text with a text in quotes"),
            },
            _ => self.error(at, "these have no order, or different types: a time is compared with duration(\"2s\"), a number with a number"),
        }
    }

    pub(super) fn is_in(&mut self, left: &IdedExpr, right: &IdedExpr) -> Checked<Bool> {
        let Expr::List(list) = &right.expr else {
            return match path(&right.expr)
                .as_deref()
                .map(|path| path.strip_prefix("transaction.").unwrap_or(path))
            {
                Some("departments") => Ok(Bool::Department(TextTest::In(vec![self.constant(left)?]))),
                Some("attributes") => {
                    let name = self.constant(left)?;
                    Ok(Bool::Has((self.slot)(&name)))
                }
                _ => self.error(right, "a list, `departments` or `attributes` is expected after `in`"),
            };
        };
        match self.typed(left)? {
            Typed::Number(number) => {
                let equal = |value: &IdedExpr, this: &mut Self| {
                    Ok(Bool::Compare(Compare::Equal, number.clone(), this.number(value)?))
                };
                let list = list.elements.iter().map(|value| equal(value, self)).collect::<Checked<_>>()?;
                Ok(Bool::Or(list))
            }
            typed => {
                let Some(text) = as_text(typed) else {
                    return self.error(left, "a text or a number is expected before `in`");
                };
                let values =
                    list.elements.iter().map(|value| self.constant(value)).collect::<Checked<_>>()?;
                Ok(Bool::Text(text, TextTest::In(values)))
            }
        }
    }
}
