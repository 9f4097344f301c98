//! Sessions: what recipes see and do, order, dependencies, templates.

use std::cell::RefCell;

use slapos_buildout::{Kind, PartOptions, RecipeError, Recipes, Session, Typed, Value};

use crate::world::{VectorRecipes, load_text};

/// A recipe written as a closure.
struct Closure<F>(F);

impl<F: Fn(&str, &mut PartOptions<'_, '_>) -> Result<(), RecipeError>> Recipes for Closure<F> {
    fn construct(&self, recipe: &str, part: &mut PartOptions<'_, '_>) -> Result<(), RecipeError> {
        (self.0)(recipe, part)
    }
}

const TWO_PARTS: &str = "[buildout]
parts = a
[a]
recipe = r:a
x = ${b:location}/bin
[b]
recipe = r:b
list = 1 2
";

#[test]
fn recipes_are_constructed_once_referenced_ones_first() {
    let profile = load_text(TWO_PARTS).unwrap();
    let seen = RefCell::new(Vec::new());
    let recipes = Closure(|recipe: &str, part: &mut PartOptions<'_, '_>| {
        seen.borrow_mut().push(format!("{recipe} {}", part.name()));
        part.set("location", format!("/parts/{}", part.name()))?;
        Ok(())
    });
    let session = Session::new(&profile, &recipes).unwrap();
    assert_eq!(session.parts().unwrap(), ["b", "a"]);
    assert_eq!(session.parts().unwrap(), ["b", "a"]);
    assert_eq!(*seen.borrow(), ["r:b b", "r:a a"]);
    assert_eq!(session.get("a", "x").unwrap(), Value::from("/parts/b/bin"));
    assert_eq!(session.dependencies("a").unwrap(), ["b"]);
}

#[test]
fn recipes_read_set_and_remove_options() {
    let profile = load_text(TWO_PARTS).unwrap();
    let recipes = Closure(|recipe: &str, part: &mut PartOptions<'_, '_>| {
        if recipe == "r:b" {
            assert_eq!(part.remove("list")?, Some(Value::from("1 2")));
            assert_eq!(part.get("list")?, None);
            part.set("location", Typed::List(vec![Typed::Int(1.into())]))?;
            part.set("escaped", "$${x}")?;
            assert_eq!(part.get("escaped")?, Some(Value::from("${x}")));
            assert_eq!(part.keys(), ["escaped", "location", "recipe"]);
        } else {
            assert_eq!(part.find_other("b", "list")?, None);
            assert!(part.other_section("b")?.contains_key("location"));
            assert_eq!(part.substitute("${:recipe} $$ ${b:escaped}")?, "r:a $ ${x}");
            assert_eq!(
                part.required("nothing").unwrap_err().kind(),
                Kind::MissingOption
            );
        }
        Ok(())
    });
    let session = Session::new(&profile, &recipes).unwrap();
    session.parts().unwrap();
    assert_eq!(
        session.get("a", "x").unwrap_err().kind(),
        Kind::BadTypedValue
    );
    let location = session.get("b", "location").unwrap();
    assert_eq!(
        location,
        Value::Typed(Typed::List(vec![Typed::Int(1.into())]))
    );
}

#[test]
fn recipes_that_refuse_are_named_with_their_section() {
    let profile = load_text("[buildout]\nparts = a\n[a]\nrecipe = vector:refuse\n").unwrap();
    let session = Session::new(&profile, &VectorRecipes).unwrap();
    let report = session.parts().unwrap_err();
    assert_eq!((report.kind(), report.first().line), (Kind::UserError, 4));
    assert!(
        report
            .first()
            .message
            .contains("section `a`: this recipe refuses everything")
    );
    // A section that failed fails again; it is not taken for half built.
    assert_eq!(
        session.get("a", "recipe").unwrap_err(),
        session.get("a", "recipe").unwrap_err()
    );
}

#[test]
fn sections_that_failed_are_tried_again() {
    let profile = load_text("[buildout]\nparts =\n[a]\nx = ${b:y}\nz = 1\n[b]\nw = 2\n").unwrap();
    let session = Session::new(&profile, &VectorRecipes).unwrap();
    for _ in 0..2 {
        assert_eq!(
            session.get("a", "z").unwrap_err().kind(),
            Kind::MissingOption
        );
    }
    assert_eq!(session.get("b", "w").unwrap(), Value::from("2"));
}

#[test]
fn substitute_of_a_template_makes_dependencies() {
    let text = "[buildout]\nparts =\n[t]\nrecipe = r\n[b]\ny = $${v}\nz = !py![1]\n";
    let profile = load_text(text).unwrap();
    let session = Session::new(&profile, &VectorRecipes).unwrap();
    let out = session.substitute(
        "${b:y}|$$${b:z}|$${x}|${t:_buildout_section_name_}|$$HOME",
        "t",
    );
    assert_eq!(out.unwrap(), "${v}|$!py![1]|${x}|t|$HOME");
    assert_eq!(session.dependencies("t").unwrap(), ["b"]);
}

#[test]
fn buildout_itself_is_expanded_first() {
    let profile = load_text("[buildout]\nparts =\nbin-directory = ${a:d}\n[a]\nd = b\n").unwrap();
    let session = Session::new(&profile, &VectorRecipes).unwrap();
    assert_eq!(
        session.get("buildout", "bin-directory").unwrap(),
        Value::from("/srv/case/b")
    );
    let installed = session.get("buildout", "installed").unwrap();
    assert_eq!(installed, Value::from("/srv/case/.installed.cfg"));
}

#[test]
fn stored_section_keeps_escapes_and_markers() {
    let text = "[buildout]\nparts =\n[a]\nx = $${v} ${:y}\ny = 1\nz = !py![1]\n";
    let profile = load_text(text).unwrap();
    let session = Session::new(&profile, &VectorRecipes).unwrap();
    let stored = session.stored_section("a").unwrap();
    let stored: Vec<(&str, &str)> = stored
        .iter()
        .map(|(option, text)| (option.as_str(), text.as_str()))
        .collect();
    assert_eq!(stored, [("x", "$${v} 1"), ("y", "1"), ("z", "!py![1]")]);
}

/// Recipes that are not run.
struct NoRecipes;

impl Recipes for NoRecipes {
    fn construct(&self, _: &str, _: &mut PartOptions<'_, '_>) -> Result<(), RecipeError> {
        Ok(())
    }

    fn stand_in(&self, section: &str, option: &str) -> Option<String> {
        Some(format!("<{section}:{option}>"))
    }
}

#[test]
fn stand_in_is_read_for_options_that_only_a_recipe_would_have() {
    let text = "[a]\nx = ${b:location}/bin ${:mine}\nrecipe = r\n[b]\nrecipe = r\n[c]\nx = ${d:y}\n[d]\nrecipe =\n";
    let profile = load_text(text).unwrap();
    let session = Session::new(&profile, &NoRecipes).unwrap();
    let read = |section, option| session.get(section, option).map(Value::into_text);
    assert_eq!(read("a", "x").unwrap(), "<b:location>/bin <a:mine>");
    assert_eq!(read("b", "target").unwrap(), "<b:target>");
    assert_eq!(session.find("b", "target").unwrap(), None);
    assert_eq!(read("c", "x").unwrap_err().kind(), Kind::MissingOption);
}
