//! What is said to who reports: the form, the answer, the chart of the last day.

/// The phrases of one language.
#[derive(Debug)]
pub(crate) struct Reporting {
    // The form.
    pub(crate) your_region: &'static str,
    /// What does not.
    pub(crate) does_not_work: &'static str,
    pub(crate) something_else: &'static str,
    /// A press without a script while many report.
    pub(crate) burst: &'static str,
    // The answer.
    pub(crate) thanks: &'static str,
    pub(crate) thank_you: &'static str,
    pub(crate) known_since: &'static str,
    pub(crate) unusual: &'static str,
    pub(crate) since: &'static str,
    pub(crate) not_confirmed: &'static str,
    pub(crate) nothing: &'static str,
    pub(crate) look_closer: &'static str,
    /// The network that is the only one.
    pub(crate) alone: &'static str,
    /// Where that is known, behind whoever else says the same.
    place: &'static str,
    /// The place.
    nobody_else: &'static str,
    /// The place.
    one_other: &'static str,
    /// How many, the place.
    others: &'static str,
    pub(crate) keep: &'static str,
    pub(crate) look_again: &'static str,
    // Whether it works again.
    /// What was reported.
    pub(crate) does_that_work: &'static str,
    pub(crate) does_it_work: &'static str,
    pub(crate) works_again: &'static str,
    pub(crate) not_yet: &'static str,
    pub(crate) answered: &'static str,
    pub(crate) your_answer: &'static str,
    // The last day.
    pub(crate) day: &'static str,
    one_counted: &'static str,
    /// How many.
    counted: &'static str,
    /// How many.
    usual: &'static str,
    /// How many, from when on.
    peak: &'static str,
    pub(crate) most: &'static str,
    pub(crate) line: &'static str,
}

impl Reporting {
    /// How many others say the same, there where it is said.
    pub(crate) fn others_say(&self, others: u64, region: Option<&str>) -> String {
        let place = region.map_or_else(String::new, |region| super::fill(self.place, &[region]));
        match others {
            0 => super::fill(self.nobody_else, &[&place]),
            1 => super::fill(self.one_other, &[&place]),
            n => super::fill(self.others, &[&n.to_string(), &place]),
        }
    }

    /// What counted within the day, what is usual, and when most came.
    pub(crate) fn of_the_day(&self, counted: u64, usual: f64, peak: Option<(u64, String)>) -> String {
        let counted = match counted {
            1 => self.one_counted.to_owned(),
            n => super::fill(self.counted, &[&n.to_string()]),
        };
        let usual = super::fill(self.usual, &[&format!("{usual:.0}")]);
        let peak = peak.map(|(most, from)| super::fill(self.peak, &[&most.to_string(), &from]));
        [Some(format!("{counted}; {usual}")), peak].into_iter().flatten().collect::<Vec<_>>().join(" ")
    }

    /// Those in which something is filled in.
    #[cfg(test)]
    pub(super) fn with_gaps(&self) -> Vec<&'static str> {
        let (others, day) = ([self.nobody_else, self.one_other, self.others], [self.counted, self.usual, self.peak]);
        [self.alone, self.place, self.does_that_work, self.does_not_work].into_iter().chain(others).chain(day).collect()
    }
}

pub(super) const EN: Reporting = Reporting {
    your_region: "Your region",
    does_not_work: "{0} does not work",
    something_else: "Something else",
    burst: "Very many people report right now, which tells us much. To count yours too, please press once more, no sooner than \
            three seconds from now.",
    thanks: "Thank you",
    thank_you: "Thank you, we have it",
    known_since: "Known since",
    unusual: "Something looks unusual; we are checking",
    since: "Since",
    not_confirmed: "It is not confirmed yet.",
    nothing: "We see nothing unusual yet",
    look_closer: "Reports of several people make us look closer at once.",
    alone: "Reports come from network {0} alone; others are well. It may be the network there.",
    place: " in {0}",
    nobody_else: "Nobody else{0} has told us so in the last quarter of an hour.",
    one_other: "One other{0} reports the same.",
    others: "{0} others{1} report the same.",
    keep: "Keep this page: it tells how it goes, and asks you when it should work again.",
    look_again: "Look again",
    does_that_work: "Does {0} work again for you?",
    does_it_work: "Does it work again for you?",
    works_again: "It works again",
    not_yet: "Not yet",
    answered: "Thank you. You may answer again when it changes.",
    your_answer: "Your answer is one of those that we bring it back by.",
    day: "Reports of the last day",
    one_counted: "1 report counted",
    counted: "{0} reports counted",
    usual: "about {0} are usual.",
    peak: "Most within a quarter of an hour: {0}, from {1}.",
    most: "most:",
    line: "The line is what is usual at that hour of the week; a network counts once a minute.",
};

pub(super) const DE: Reporting = Reporting {
    your_region: "Ihre Region",
    does_not_work: "{0} geht nicht",
    something_else: "Etwas anderes",
    burst: "Gerade melden sich sehr viele, und das sagt uns viel. Damit auch Ihre Meldung zählt, drücken Sie bitte noch einmal, \
            frühestens in drei Sekunden.",
    thanks: "Danke",
    thank_you: "Danke, es ist angekommen",
    known_since: "Bekannt seit",
    unusual: "Etwas sieht ungewöhnlich aus; wir prüfen es",
    since: "Seit",
    not_confirmed: "Es ist noch nicht bestätigt.",
    nothing: "Wir sehen noch nichts Ungewöhnliches",
    look_closer: "Melden es mehrere, sehen wir sofort genauer hin.",
    alone: "Meldungen kommen allein aus dem Netz {0}; anderen geht es gut. Es kann am Netz dort liegen.",
    place: " ({0})",
    nobody_else: "Niemand sonst{0} hat uns das in der letzten Viertelstunde gemeldet.",
    one_other: "Noch jemand{0} meldet dasselbe.",
    others: "{0} andere{1} melden dasselbe.",
    keep: "Behalten Sie diese Seite: Sie sagt, wie es weitergeht, und fragt Sie, wenn es wieder gehen sollte.",
    look_again: "Noch einmal nachsehen",
    does_that_work: "Geht {0} bei Ihnen wieder?",
    does_it_work: "Geht es bei Ihnen wieder?",
    works_again: "Es geht wieder",
    not_yet: "Noch nicht",
    answered: "Danke. Sie können noch einmal antworten, wenn sich etwas ändert.",
    your_answer: "Ihre Antwort zählt, wenn wir den Betrieb wieder aufnehmen.",
    day: "Meldungen des letzten Tages",
    one_counted: "1 Meldung gezählt",
    counted: "{0} Meldungen gezählt",
    usual: "etwa {0} sind üblich.",
    peak: "Die meisten in einer Viertelstunde: {0}, ab {1}.",
    most: "höchstens:",
    line: "Die Linie zeigt, was zu dieser Stunde der Woche üblich ist; ein Netz zählt einmal je Minute.",
};

pub(super) const FR: Reporting = Reporting {
    your_region: "Votre région",
    does_not_work: "{0} ne fonctionne pas",
    something_else: "Autre chose",
    burst: "De très nombreuses personnes signalent un problème en ce moment, et cela nous apprend beaucoup. Pour que votre \
            signalement compte aussi, appuyez encore une fois, pas avant trois secondes.",
    thanks: "Merci",
    thank_you: "Merci, c’est noté",
    known_since: "Connu depuis le",
    unusual: "Quelque chose semble inhabituel ; nous vérifions",
    since: "Depuis le",
    not_confirmed: "Ce n’est pas encore confirmé.",
    nothing: "Nous ne voyons encore rien d’inhabituel",
    look_closer: "Si plusieurs personnes le signalent, nous y regardons aussitôt de plus près.",
    alone: "Les signalements viennent du seul réseau {0} ; les autres vont bien. La cause est peut-être ce réseau.",
    place: " ({0})",
    nobody_else: "Personne d’autre{0} ne nous l’a signalé depuis un quart d’heure.",
    one_other: "Une autre personne{0} signale la même chose.",
    others: "{0} autres personnes{1} signalent la même chose.",
    keep: "Gardez cette page : elle dit où nous en sommes, et vous interroge quand tout devrait fonctionner de nouveau.",
    look_again: "Regarder de nouveau",
    does_that_work: "Est-ce que {0} fonctionne de nouveau chez vous ?",
    does_it_work: "Est-ce que cela fonctionne de nouveau chez vous ?",
    works_again: "Cela fonctionne de nouveau",
    not_yet: "Pas encore",
    answered: "Merci. Vous pouvez répondre encore si cela change.",
    your_answer: "Votre réponse est l’une de celles qui guident le rétablissement.",
    day: "Signalements du dernier jour",
    one_counted: "1 signalement compté",
    counted: "{0} signalements comptés",
    usual: "environ {0} sont habituels.",
    peak: "Maximum en un quart d’heure : {0}, à partir du {1}.",
    most: "maximum :",
    line: "La ligne montre ce qui est habituel à cette heure de la semaine ; un réseau compte une fois par minute.",
};

pub(super) const ES: Reporting = Reporting {
    your_region: "Su región",
    does_not_work: "{0} no funciona",
    something_else: "Otra cosa",
    burst: "Muchísimas personas están avisando ahora mismo, y eso nos dice mucho. Para que cuente también su aviso, pulse otra \
            vez, no antes de tres segundos.",
    thanks: "Gracias",
    thank_you: "Gracias, lo hemos recibido",
    known_since: "Conocido desde el",
    unusual: "Algo parece fuera de lo normal; lo estamos comprobando",
    since: "Desde el",
    not_confirmed: "Todavía no está confirmado.",
    nothing: "Todavía no vemos nada fuera de lo normal",
    look_closer: "Si lo avisan varias personas, miramos enseguida con más detalle.",
    alone: "Los avisos vienen solo de la red {0}; los demás están bien. Puede que se deba a esa red.",
    place: " ({0})",
    nobody_else: "Nadie más{0} nos lo ha dicho en el último cuarto de hora.",
    one_other: "Otra persona{0} avisa de lo mismo.",
    others: "Otras {0} personas{1} avisan de lo mismo.",
    keep: "Guarde esta página: dice cómo va, y le pregunta cuando debería funcionar de nuevo.",
    look_again: "Mirar otra vez",
    does_that_work: "¿Le funciona de nuevo {0}?",
    does_it_work: "¿Le funciona de nuevo?",
    works_again: "Ya funciona",
    not_yet: "Todavía no",
    answered: "Gracias. Puede responder otra vez cuando cambie.",
    your_answer: "Su respuesta es una de las que guían el restablecimiento.",
    day: "Avisos del último día",
    one_counted: "1 aviso contado",
    counted: "{0} avisos contados",
    usual: "unos {0} son habituales.",
    peak: "Máximo en un cuarto de hora: {0}, desde el {1}.",
    most: "máximo:",
    line: "La línea muestra lo habitual a esa hora de la semana; una red cuenta una vez por minuto.",
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn how_many_others_is_said_in_a_sentence() {
        let table = [
            (&EN, 0, None, "Nobody else has told us so in the last quarter of an hour."),
            (&EN, 1, Some("eu"), "One other in eu reports the same."),
            (&EN, 7, None, "7 others report the same."),
            (&DE, 7, Some("eu"), "7 andere (eu) melden dasselbe."),
            (&FR, 0, Some("eu"), "Personne d’autre (eu) ne nous l’a signalé depuis un quart d’heure."),
            (&ES, 2, None, "Otras 2 personas avisan de lo mismo."),
        ];
        for (phrases, others, region, said) in table {
            assert_eq!(phrases.others_say(others, region), said);
        }
        assert_eq!(EN.of_the_day(1, 0.4, None), "1 report counted; about 0 are usual.");
    }
}
