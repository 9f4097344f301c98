//! The steps of a life, in order. Start with [`Life::run`].

use super::{Life, Side};
use crate::Outcome;
use crate::command::say;

/// Values that a float, a careless reader or a second encoding would break.
const EXACT: &str = r#"{"n":12345678901234567890.10,"big":9007199254740993,"u":"é€😀","e":"","z":null,"d":{"a":[{"b":{}}]},"x":"&<>\"'"}"#;

impl Life<'_> {
    /// The whole life.
    pub(in crate::compat::slap) fn run(&self) -> Outcome {
        self.format_and_supply()?;
        self.ask_with_a_child()?;
        self.share()?;
        self.break_and_mend()?;
        self.stop_bang_and_start()?;
        self.destroy()?;
        say(&format!(
            "{:?}: the whole life is as with the original",
            self.side
        ));
        Ok(())
    }

    fn format_and_supply(&self) -> Outcome {
        self.client(&["request", "early", &self.release()], self.no_room(), "")?;
        self.node(&["format", "--now"], 0)?;
        self.client(&["computer", "list"], 0, &self.computer)?;
        self.client(
            &["computer", "info", &self.computer],
            0,
            "Computer Reference: ",
        )?;
        self.client(&["computer", "info", "COMP-NONE"], 2, "")?;
        self.client(&["supply", &self.release(), &self.computer], 0, "Done.")?;
        self.node(&["software", "--now"], 0)?;
        let built = std::fs::read_dir(self.path("soft")).map_err(|error| error.to_string())?;
        let built = built.filter_map(Result::ok);
        if !built
            .into_iter()
            .any(|entry| entry.path().join(".completed").exists())
        {
            return Err("the node built no release".to_owned());
        }
        Ok(())
    }

    /// What finds no room: refused by a proxy, asked to wait by a master.
    fn no_room(&self) -> i32 {
        match self.side {
            Side::Original | Side::Proxy => 1,
            Side::Master => 2,
        }
    }

    fn request(&self, name: &str, more: &[&str], text: &str) -> Outcome {
        let release = self.release();
        let mut words = vec!["request", name, &release];
        words.extend(more);
        self.client(&words, 0, text)
    }

    fn ask_with_a_child(&self) -> Outcome {
        if self.side == Side::Master {
            self.request("early", &["--state", "destroyed"], "")?;
            self.node(&["report", "--now"], 0)?;
        }
        let exact = format!("_={EXACT}");
        self.request(
            "web",
            &["--parameters", "child=kid", &exact],
            "State is : started.",
        )?;
        // Asks for the child; the child publishes; its requester is told and takes it.
        for _ in 0..3 {
            self.node(&["instance", "--now"], 0)?;
        }
        self.client(&["service", "list"], 0, "\"web\"")?;
        self.client(
            &["service", "info", "nope"],
            2,
            "Instance nope does not exist.",
        )?;
        let script = format!(
            "import sys\nown = slap.registerOpenOrder().request({:?}, 'web', partition_parameter_kw={{'child': 'kid', '_': sys.stdin.read()}})\n\
             d = own.getConnectionParameterDict()\nassert d['child'] == 'kid', d\nassert d['root'] == 'web', d\n\
             sys.stdin = None\nprint(d['_'], end='')",
            self.release()
        );
        let answered = self.library(&script, EXACT)?;
        if answered != EXACT {
            return Err(format!(
                "a parameter came back changed:\n{EXACT}\n{answered}"
            ));
        }
        Ok(())
    }

    fn share(&self) -> Outcome {
        self.request(
            "site",
            &["--slave", "--parameters", "name=you"],
            "State is : started.",
        )?;
        self.node(&["instance", "--now"], 0)?;
        self.request(
            "site",
            &["--slave", "--parameters", "name=you"],
            "'hello': 'you'",
        )?;
        self.request("site", &["--slave", "--state", "destroyed"], "")
    }

    fn web(&self, more: &[&str]) -> Outcome {
        let mut words = vec!["--parameters"];
        words.extend(more);
        self.request("web", &words, "")
    }

    fn break_and_mend(&self) -> Outcome {
        self.web(&["child=kid", "broken=yes"])?;
        // 2 is a promise that failed.
        self.node(&["instance", "--now"], 2)?;
        if self.side == Side::Master {
            self.client(&["service", "info", "web"], 0, "\"status\": \"red\"")?;
        }
        self.web(&["child=kid"])?;
        self.node(&["instance", "--now"], 0)?;
        if self.side == Side::Master {
            self.client(&["service", "info", "web"], 0, "\"status\": \"green\"")?;
        }
        Ok(())
    }

    fn stop_bang_and_start(&self) -> Outcome {
        let keep = ["--parameters", "child=kid"];
        self.request(
            "web",
            &[keep[0], keep[1], "--state", "stopped"],
            "State is : stopped.",
        )?;
        self.node(&["instance", "--now"], 0)?;
        self.check_runs(false)?;
        self.request(
            "web",
            &[keep[0], keep[1], "--state", "started"],
            "State is : started.",
        )?;
        self.node(&["instance", "--now"], 0)?;
        self.check_runs(true)?;
        self.node(&["bang", "-m", "hello"], 0)?;
        let banged = self.node_output(&["instance", "--now"], 0)?;
        if !banged.contains("Processing Computer Partition slappart0") {
            return Err("a bang led to nothing".to_owned());
        }
        self.node(&["report", "--now"], 0)
    }

    /// The root's service runs, or does not, by the word of the node's supervisor.
    fn check_runs(&self, is_wanted: bool) -> Outcome {
        let status = self.supervisorctl("status")?;
        let mut lines = status.lines();
        let runs = lines.any(|line| line.contains("slappart0") && line.contains("RUNNING"));
        if runs == is_wanted {
            return Ok(());
        }
        Err(format!(
            "the service runs: {runs}, wanted: {is_wanted}\n{status}"
        ))
    }

    fn destroy(&self) -> Outcome {
        self.request("web", &["--state", "destroyed"], "State is : destroyed.")?;
        for _ in 0..3 {
            self.node(&["instance", "--now"], 0)?;
            self.node(&["report", "--now"], 0)?;
        }
        self.client(&["service", "list"], 0, "{}")?;
        let left =
            std::fs::read_dir(self.path("inst/slappart0")).map_err(|error| error.to_string())?;
        let left = left.filter_map(Result::ok);
        if left.into_iter().any(|entry| entry.file_name() == "etc") {
            return Err("the destroyed instance left its files".to_owned());
        }
        self.client(&["remove", &self.release(), &self.computer], 0, "Done.")?;
        self.node(&["software", "--now"], 0)
    }
}
