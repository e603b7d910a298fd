//! The templates and the parts of sentences that are built in, language by language.

use crate::model::{CauseKind, Language, Piece, RemedyKind, Stage};
use std::time::Duration;

/// What a language says, in the order of the enums where it is a list.
pub(super) struct Lexicon {
    title: &'static str,
    investigating: &'static str,
    identified: &'static str,
    monitoring: &'static str,
    resolved: &'static str,
    /// When nothing less is meant.
    everything: &'static str,
    /// Between the last two of a list.
    and: &'static str,
    causes: Causes,
    doing: Remedies,
    done: Remedies,
    days: &'static str,
    minutes: &'static str,
    seconds: &'static str,
}

/// Causes, as the public reads of them.
struct Causes {
    overload: &'static str,
    bad_deploy: &'static str,
    bad_config: &'static str,
    network: &'static str,
    dns: &'static str,
    dependency: &'static str,
    /// What follows the name of a service that ours depends on and that says itself that it ails.
    upstream: &'static str,
    attack: &'static str,
    host: &'static str,
    unknown: &'static str,
}

/// What is or was done, a sentence each.
struct Remedies {
    divert: &'static str,
    roll_back: &'static str,
    restart: &'static str,
    shed: &'static str,
    limit: &'static str,
    pin: &'static str,
    none: &'static str,
}

impl Lexicon {
    pub(super) const fn of(language: Language) -> &'static Self {
        match language {
            Language::En => &EN,
            Language::De => &DE,
            Language::Fr => &FR,
            Language::Es => &ES,
        }
    }

    /// The template built in.
    pub(super) const fn template(&self, piece: Piece) -> &'static str {
        match piece {
            Piece::Title => self.title,
            Piece::Word(Stage::Investigating) => self.investigating,
            Piece::Word(Stage::Identified) => self.identified,
            Piece::Word(Stage::Monitoring) => self.monitoring,
            Piece::Word(Stage::Resolved) => self.resolved,
        }
    }

    /// The components by name, or all of it.
    pub(super) fn what(&self, components: &[String]) -> String {
        if components.is_empty() { self.everything.into() } else { self.join(components) }
    }

    /// A list as a sentence has it.
    pub(super) fn join(&self, parts: &[String]) -> String {
        match parts {
            [] => String::new(),
            [one] => one.clone(),
            [most @ .., last] => format!("{} {} {last}", most.join(", "), self.and),
        }
    }

    /// The cause, or the name of the service of somebody else that it is.
    pub(super) fn cause(&self, cause: Option<CauseKind>, upstream: Option<&str>) -> String {
        upstream.map_or_else(|| self.kind(cause).to_owned(), |name| format!("{name}{}", self.causes.upstream))
    }

    const fn kind(&self, cause: Option<CauseKind>) -> &'static str {
        let causes = &self.causes;
        match cause {
            Some(CauseKind::Overload) => causes.overload,
            Some(CauseKind::BadDeploy) => causes.bad_deploy,
            Some(CauseKind::BadConfig) => causes.bad_config,
            Some(CauseKind::Network) => causes.network,
            Some(CauseKind::Dns) => causes.dns,
            Some(CauseKind::Dependency) => causes.dependency,
            Some(CauseKind::Attack) => causes.attack,
            Some(CauseKind::Host) => causes.host,
            Some(CauseKind::Unknown) | None => causes.unknown,
        }
    }

    /// What is being done.
    pub(super) const fn doing(&self, remedy: Option<RemedyKind>) -> &'static str {
        self.doing.of(remedy)
    }

    /// What was done.
    pub(super) const fn done(&self, remedy: Option<RemedyKind>) -> &'static str {
        self.done.of(remedy)
    }

    pub(super) fn span(&self, duration: Duration) -> String {
        match duration.as_secs() {
            s if s >= 2 * 86_400 => format!("{} {}", s / 86_400, self.days),
            s if s >= 120 => format!("{} {}", s / 60, self.minutes),
            s => format!("{s} {}", self.seconds),
        }
    }
}

impl Remedies {
    const fn of(&self, remedy: Option<RemedyKind>) -> &'static str {
        match remedy {
            Some(RemedyKind::Divert) => self.divert,
            Some(RemedyKind::RollBack) => self.roll_back,
            Some(RemedyKind::Restart) => self.restart,
            Some(RemedyKind::Shed) => self.shed,
            Some(RemedyKind::Limit) => self.limit,
            Some(RemedyKind::Pin) => self.pin,
            None => self.none,
        }
    }
}

const EN: Lexicon = Lexicon {
    title: "Problems with {{ what }}{% if where %} in {{ where }}{% endif %}",
    investigating: "We see problems with {{ what }}{% if where %} in {{ where }}{% endif %} and are looking into them. \
                    Next update within {{ next_update }}.",
    identified: "We know the cause: {{ cause }}. {{ doing }} Next update within {{ next_update }}.",
    monitoring: "The problems with {{ what }}{% if where %} in {{ where }}{% endif %} have stopped. {{ done }} \
                 We bring everything back in steps and keep watching.",
    resolved: "The problems with {{ what }}{% if where %} in {{ where }}{% endif %} are over. Everything works as usual.",
    everything: "the service",
    and: "and",
    causes: Causes {
        overload: "far more requests than usual",
        bad_deploy: "a new release that does not work as it should",
        bad_config: "a change of settings that does not work as it should",
        network: "a network fault on the way to one of our regions",
        dns: "a fault in name resolution",
        dependency: "a fault of a service that ours depends on",
        upstream: ", which ours depends on, has an outage",
        attack: "an attack on our service",
        host: "a server that failed",
        unknown: "one that we are still narrowing down",
    },
    doing: Remedies {
        divert: "We are sending requests another way.",
        roll_back: "We are going back to what worked before.",
        restart: "Other servers have taken over while it restarts.",
        shed: "We are holding some requests back so that what matters most goes on.",
        limit: "We are holding the attackers back.",
        pin: "We are going on with the addresses that are known to be good.",
        none: "We are working on it.",
    },
    done: Remedies {
        divert: "Requests are served elsewhere for now.",
        roll_back: "We went back to what worked before.",
        restart: "Other servers have taken over.",
        shed: "Some requests are held back for now.",
        limit: "The attackers are held back.",
        pin: "We go on with addresses that are known to be good.",
        none: "They ended without our doing.",
    },
    days: "days",
    minutes: "minutes",
    seconds: "seconds",
};

const DE: Lexicon = Lexicon {
    title: "Störung: {{ what }}{% if where %} ({{ where }}){% endif %}",
    investigating: "Wir sehen Störungen ({{ what }}{% if where %}; {{ where }}{% endif %}) und gehen ihnen nach. \
                    Nächste Meldung innerhalb von {{ next_update }}.",
    identified: "Wir kennen die Ursache: {{ cause }}. {{ doing }} Nächste Meldung innerhalb von {{ next_update }}.",
    monitoring: "Die Störungen ({{ what }}{% if where %}; {{ where }}{% endif %}) haben aufgehört. {{ done }} \
                 Wir nehmen alles schrittweise wieder in Betrieb und beobachten weiter.",
    resolved: "Die Störungen ({{ what }}{% if where %}; {{ where }}{% endif %}) sind behoben. Alles arbeitet wie gewohnt.",
    everything: "der ganze Dienst",
    and: "und",
    causes: Causes {
        overload: "weit mehr Anfragen als üblich",
        bad_deploy: "eine neue Version, die nicht arbeitet, wie sie soll",
        bad_config: "eine geänderte Einstellung, die nicht wirkt, wie sie soll",
        network: "ein Netzfehler auf dem Weg zu einer unserer Regionen",
        dns: "ein Fehler in der Namensauflösung",
        dependency: "ein Fehler bei einem Dienst, den wir nutzen",
        upstream: ", ein Dienst, den wir nutzen, hat eine Störung",
        attack: "ein Angriff auf unseren Dienst",
        host: "ein ausgefallener Server",
        unknown: "noch nicht genau eingegrenzt",
    },
    doing: Remedies {
        divert: "Wir leiten Anfragen um.",
        roll_back: "Wir gehen auf den vorherigen Stand zurück.",
        restart: "Andere Server haben übernommen, während er neu startet.",
        shed: "Wir halten einen Teil der Anfragen zurück, damit das Wichtigste läuft.",
        limit: "Wir halten die Angreifer zurück.",
        pin: "Wir arbeiten mit den Adressen weiter, von denen wir wissen, dass sie stimmen.",
        none: "Wir arbeiten daran.",
    },
    done: Remedies {
        divert: "Anfragen werden vorerst anderswo beantwortet.",
        roll_back: "Wir sind auf den vorherigen Stand zurückgegangen.",
        restart: "Andere Server haben übernommen.",
        shed: "Ein Teil der Anfragen wird vorerst zurückgehalten.",
        limit: "Die Angreifer werden zurückgehalten.",
        pin: "Wir arbeiten mit Adressen weiter, von denen wir wissen, dass sie stimmen.",
        none: "Sie endeten ohne unser Zutun.",
    },
    days: "Tagen",
    minutes: "Minuten",
    seconds: "Sekunden",
};

const FR: Lexicon = Lexicon {
    title: "Perturbations : {{ what }}{% if where %} ({{ where }}){% endif %}",
    investigating: "Nous constatons des perturbations ({{ what }}{% if where %} ; {{ where }}{% endif %}) et les \
                    examinons. Prochaine information d’ici {{ next_update }}.",
    identified: "Nous connaissons la cause : {{ cause }}. {{ doing }} Prochaine information d’ici {{ next_update }}.",
    monitoring: "Les perturbations ({{ what }}{% if where %} ; {{ where }}{% endif %}) ont cessé. {{ done }} Nous \
                 rétablissons tout par étapes et restons attentifs.",
    resolved: "Les perturbations ({{ what }}{% if where %} ; {{ where }}{% endif %}) sont terminées. Tout fonctionne \
               normalement.",
    everything: "tout le service",
    and: "et",
    causes: Causes {
        overload: "beaucoup plus de requêtes que d’habitude",
        bad_deploy: "une nouvelle version qui ne fonctionne pas comme elle le devrait",
        bad_config: "un réglage modifié qui n’agit pas comme il le devrait",
        network: "une panne de réseau vers l’une de nos régions",
        dns: "une panne de la résolution de noms",
        dependency: "une panne d’un service dont le nôtre dépend",
        upstream: ", dont notre service dépend, est en panne",
        attack: "une attaque contre notre service",
        host: "un serveur en panne",
        unknown: "elle reste à préciser",
    },
    doing: Remedies {
        divert: "Nous acheminons les requêtes autrement.",
        roll_back: "Nous revenons à ce qui fonctionnait auparavant.",
        restart: "D’autres serveurs ont pris le relais pendant son redémarrage.",
        shed: "Nous retenons une partie des requêtes afin que l’essentiel continue.",
        limit: "Nous retenons les attaquants.",
        pin: "Nous continuons avec les adresses dont nous sommes sûrs.",
        none: "Nous y travaillons.",
    },
    done: Remedies {
        divert: "Les requêtes sont servies ailleurs pour l’instant.",
        roll_back: "Nous sommes revenus à ce qui fonctionnait auparavant.",
        restart: "D’autres serveurs ont pris le relais.",
        shed: "Une partie des requêtes est retenue pour l’instant.",
        limit: "Les attaquants sont retenus.",
        pin: "Nous continuons avec des adresses dont nous sommes sûrs.",
        none: "Elles ont cessé sans notre intervention.",
    },
    days: "jours",
    minutes: "minutes",
    seconds: "secondes",
};

const ES: Lexicon = Lexicon {
    title: "Problemas: {{ what }}{% if where %} ({{ where }}){% endif %}",
    investigating: "Vemos problemas ({{ what }}{% if where %}; {{ where }}{% endif %}) y los estamos investigando. \
                    Próxima información en menos de {{ next_update }}.",
    identified: "Conocemos la causa: {{ cause }}. {{ doing }} Próxima información en menos de {{ next_update }}.",
    monitoring: "Los problemas ({{ what }}{% if where %}; {{ where }}{% endif %}) han cesado. {{ done }} Lo \
                 restablecemos todo por pasos y seguimos atentos.",
    resolved: "Los problemas ({{ what }}{% if where %}; {{ where }}{% endif %}) han terminado. Todo funciona con \
               normalidad.",
    everything: "todo el servicio",
    and: "y",
    causes: Causes {
        overload: "muchas más peticiones de lo habitual",
        bad_deploy: "una versión nueva que no funciona como debería",
        bad_config: "un cambio de ajustes que no funciona como debería",
        network: "un fallo de red en el camino a una de nuestras regiones",
        dns: "un fallo en la resolución de nombres",
        dependency: "un fallo de un servicio del que depende el nuestro",
        upstream: ", del que depende nuestro servicio, tiene un fallo",
        attack: "un ataque contra nuestro servicio",
        host: "un servidor que ha fallado",
        unknown: "aún la estamos acotando",
    },
    doing: Remedies {
        divert: "Estamos enviando las peticiones por otro camino.",
        roll_back: "Estamos volviendo a lo que funcionaba antes.",
        restart: "Otros servidores lo sustituyen mientras se reinicia.",
        shed: "Retenemos parte de las peticiones para que lo más importante siga.",
        limit: "Estamos frenando a los atacantes.",
        pin: "Seguimos con las direcciones que sabemos correctas.",
        none: "Estamos trabajando en ello.",
    },
    done: Remedies {
        divert: "Por ahora las peticiones se atienden en otro lugar.",
        roll_back: "Hemos vuelto a lo que funcionaba antes.",
        restart: "Otros servidores lo han sustituido.",
        shed: "Por ahora se retiene parte de las peticiones.",
        limit: "Los atacantes están frenados.",
        pin: "Seguimos con direcciones que sabemos correctas.",
        none: "Terminaron sin nuestra intervención.",
    },
    days: "días",
    minutes: "minutos",
    seconds: "segundos",
};
