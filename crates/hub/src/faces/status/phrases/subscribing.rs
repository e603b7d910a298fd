//! What is said to who subscribes: on the pages about it, and in every message besides the word itself.

use crate::subscribers::{AddressError, ChannelKind};

/// The phrases of one language.
#[derive(Debug)]
pub(crate) struct Subscribing {
    // The form.
    pub(crate) hear_of_it: &'static str,
    pub(crate) every_word: &'static str,
    pub(crate) by: &'static str,
    pub(crate) your_mail: &'static str,
    pub(crate) mail_or_url: &'static str,
    pub(crate) url: &'static str,
    pub(crate) about: &'static str,
    pub(crate) note: &'static str,
    /// Mail as a channel; the others have names of their own.
    mail: &'static str,
    pub(crate) language: &'static str,
    // A browser.
    pub(crate) in_browser: &'static str,
    pub(crate) browser_note: &'static str,
    pub(crate) needs_script: &'static str,
    pub(crate) tell_here: &'static str,
    pub(crate) stop_here: &'static str,
    pub(crate) incapable: &'static str,
    pub(crate) denied: &'static str,
    pub(crate) begun: &'static str,
    pub(crate) ended_here: &'static str,
    /// Whose.
    pub(crate) this_browser: &'static str,
    pub(crate) leave_browser: &'static str,
    /// In the place of its address.
    pub(crate) browser_there: &'static str,
    no_browser: &'static str,
    // One subscription.
    pub(crate) yours: &'static str,
    /// Of what, by what; the address follows.
    pub(crate) goes: &'static str,
    /// Of what, by what; the address follows.
    pub(crate) is_to_go: &'static str,
    /// Why.
    pub(crate) trouble: &'static str,
    /// The secret follows.
    pub(crate) signed: &'static str,
    pub(crate) keep_choice: &'static str,
    pub(crate) choice_note: &'static str,
    pub(crate) leave: &'static str,
    // What became of it.
    pub(crate) closed: [&'static str; 2],
    pub(crate) failed: &'static str,
    pub(crate) try_later: &'static str,
    /// Why.
    pub(crate) not_kept: &'static str,
    pub(crate) too_many: &'static str,
    pub(crate) full: &'static str,
    pub(crate) on_its_way: &'static str,
    pub(crate) unknown: [&'static str; 2],
    pub(crate) left: [&'static str; 2],
    no_mail: &'static str,
    no_url: &'static str,
    credentials: &'static str,
    long: &'static str,
    // Messages.
    pub(crate) please_confirm: &'static str,
    pub(crate) confirm: &'static str,
    /// Whose.
    pub(crate) news_of: &'static str,
    /// Whose.
    pub(crate) asked_for: &'static str,
    pub(crate) read_more: &'static str,
    pub(crate) manage: &'static str,
}

impl Subscribing {
    /// A channel's name.
    pub(crate) const fn channel(&self, kind: &ChannelKind) -> &'static str {
        match kind {
            ChannelKind::Mail => self.mail,
            other => other.title(),
        }
    }

    /// Why a text is no address.
    pub(crate) const fn no_address(&self, error: AddressError) -> &'static str {
        match error {
            AddressError::Mail => self.no_mail,
            AddressError::Url => self.no_url,
            AddressError::Credentials => self.credentials,
            AddressError::Long => self.long,
            AddressError::Browser | AddressError::PushService | AddressError::Keys => self.no_browser,
        }
    }

    /// Those in which something is filled in.
    #[cfg(test)]
    pub(super) fn with_gaps(&self) -> [&'static str; 7] {
        [self.goes, self.is_to_go, self.trouble, self.not_kept, self.news_of, self.asked_for, self.this_browser]
    }
}

pub(super) const EN: Subscribing = Subscribing {
    hear_of_it: "Hear of it",
    every_word: "Every word of an incident or of announced work, from the first to the last.",
    by: "By",
    your_mail: "Your mail address",
    mail_or_url: "Your mail address, or the webhook's URL",
    url: "The webhook's URL",
    about: "About",
    note: "You get one message to confirm. We keep the address and what you choose, for this alone, and erase both when you leave.",
    mail: "Mail",
    language: "Language of the messages",
    in_browser: "In this browser",
    browser_note: "Messages come from here, also while no page is open. Nothing is kept but what your browser gives for this, and the way out is one press.",
    needs_script: "This needs a script, which your browser does not run here.",
    tell_here: "Tell me in this browser",
    stop_here: "Stop telling me here",
    incapable: "This browser takes no messages from here.",
    denied: "Your browser does not let this page show messages. Its settings for this site say so.",
    begun: "A first message is on its way. When it is here, this browser is subscribed.",
    ended_here: "This browser is told nothing more, and what it gave is erased.",
    this_browser: "This browser hears of every public word of {0}.",
    leave_browser: "Unsubscribe",
    browser_there: "one that subscribed here",
    no_browser: "a browser subscribes by itself, on the page for subscribing",
    yours: "Your subscription",
    goes: "News of {0} goes by {1} to",
    is_to_go: "News of {0} is to go by {1} to",
    trouble: "The last message was not taken: {0}.",
    signed: "Bodies are signed: X-Downbeat-Signature is sha256= and the HMAC-SHA256 of the body with",
    keep_choice: "Keep this choice",
    choice_note: "With none chosen, you hear of all of them. What you have heard the beginning of, you hear the end of.",
    leave: "Unsubscribe and erase the address",
    closed: ["There are no subscriptions here", "This page does not take any. Its feeds and its calendar are open."],
    failed: "That did not work",
    try_later: "We cannot do that at the moment. Nothing has changed; come again later.",
    not_kept: "Nothing was kept: {0}.",
    too_many: "Too many asked from your network within this hour. Come again later.",
    full: "There is no room for more at the moment.",
    on_its_way: "A message is on its way to that address, unless it is subscribed already or was asked within the last hour. \
                 Nothing else comes before you follow the link in it and confirm, within 48 hours.",
    unknown: ["There is no such subscription", "It has ended, or was not confirmed in time. You can subscribe again."],
    left: ["You are unsubscribed", "Nothing more comes, and your address is erased."],
    no_mail: "that is no mail address, write it as you@example.org",
    no_url: "that is no address of the web, write it as https://example.org/path",
    credentials: "an address with a user name or a password in it is not kept",
    long: "no address is so long",
    please_confirm: "Please confirm",
    confirm: "Confirm this subscription",
    news_of: "News of {0}'s status",
    asked_for: "Somebody asked that news of {0}'s status be sent here. If that is right, confirm it on the page below within 48 \
                hours. If not, do nothing: nothing else will come.",
    read_more: "Read more",
    manage: "Change or end this subscription",
};

pub(super) const DE: Subscribing = Subscribing {
    hear_of_it: "Davon erfahren",
    every_word: "Jede Meldung zu einer Störung oder angekündigten Wartung, von der ersten bis zur letzten.",
    by: "Über",
    your_mail: "Ihre E-Mail-Adresse",
    mail_or_url: "Ihre E-Mail-Adresse oder die URL des Webhooks",
    url: "Die URL des Webhooks",
    about: "Worüber",
    note: "Sie erhalten eine Nachricht zum Bestätigen. Wir behalten die Adresse und Ihre Auswahl nur dafür und löschen beides, \
           wenn Sie gehen.",
    mail: "E-Mail",
    language: "Sprache der Nachrichten",
    in_browser: "In diesem Browser",
    browser_note: "Nachrichten kommen von hier, auch wenn keine Seite offen ist. Aufbewahrt wird nur, was Ihr Browser dafür angibt, und ein Klick beendet es.",
    needs_script: "Das braucht ein Skript, das Ihr Browser hier nicht ausführt.",
    tell_here: "In diesem Browser benachrichtigen",
    stop_here: "Hier nicht mehr benachrichtigen",
    incapable: "Dieser Browser nimmt von hier keine Nachrichten an.",
    denied: "Ihr Browser lässt diese Seite keine Nachrichten zeigen. So steht es in seinen Einstellungen für diese Seite.",
    begun: "Eine erste Nachricht ist unterwegs. Sobald sie da ist, ist dieser Browser angemeldet.",
    ended_here: "Dieser Browser bekommt nichts mehr, und was er angab, ist gelöscht.",
    this_browser: "Dieser Browser erfährt jedes öffentliche Wort von {0}.",
    leave_browser: "Abbestellen",
    browser_there: "einen, der sich hier angemeldet hat",
    no_browser: "ein Browser meldet sich selbst an, auf der Seite zum Abonnieren",
    yours: "Ihr Abonnement",
    goes: "Neues von {0} geht über {1} an",
    is_to_go: "Neues von {0} soll über {1} gehen an",
    trouble: "Die letzte Nachricht wurde nicht angenommen: {0}.",
    signed: "Nachrichten sind unterschrieben: X-Downbeat-Signature ist sha256= und der HMAC-SHA256 des Inhalts mit",
    keep_choice: "Auswahl behalten",
    choice_note: "Ist nichts ausgewählt, erfahren Sie von allem. Wovon Sie den Anfang erfahren haben, erfahren Sie das Ende.",
    leave: "Abbestellen und die Adresse löschen",
    closed: ["Hier gibt es keine Abonnements", "Diese Seite nimmt keine an. Ihre Feeds und ihr Kalender stehen offen."],
    failed: "Das hat nicht geklappt",
    try_later: "Das geht im Augenblick nicht. Es hat sich nichts geändert; kommen Sie später wieder.",
    not_kept: "Es wurde nichts behalten: {0}.",
    too_many: "Aus Ihrem Netz haben in dieser Stunde zu viele gefragt. Kommen Sie später wieder.",
    full: "Im Augenblick ist kein Platz für weitere.",
    on_its_way: "Eine Nachricht ist unterwegs an diese Adresse, es sei denn, sie ist schon eingetragen oder wurde in der letzten \
                 Stunde gefragt. Sonst kommt nichts, bis Sie dem Link darin folgen und bestätigen, innerhalb von 48 Stunden.",
    unknown: [
        "Dieses Abonnement gibt es nicht",
        "Es ist beendet oder wurde nicht rechtzeitig bestätigt. Sie können es neu einrichten.",
    ],
    left: ["Sie sind abgemeldet", "Es kommt nichts mehr, und Ihre Adresse ist gelöscht."],
    no_mail: "das ist keine E-Mail-Adresse, schreiben Sie sie als sie@example.org",
    no_url: "das ist keine Adresse im Web, schreiben Sie sie als https://example.org/pfad",
    credentials: "eine Adresse mit Benutzernamen oder Kennwort wird nicht behalten",
    long: "so lang ist keine Adresse",
    please_confirm: "Bitte bestätigen",
    confirm: "Dieses Abonnement bestätigen",
    news_of: "Neues zum Status von {0}",
    asked_for: "Jemand hat darum gebeten, Neues zum Status von {0} hierher zu senden. Stimmt das, bestätigen Sie es innerhalb von \
                48 Stunden auf der Seite unten. Wenn nicht, tun Sie nichts: Es kommt nichts weiter.",
    read_more: "Weiterlesen",
    manage: "Dieses Abonnement ändern oder beenden",
};

pub(super) const FR: Subscribing = Subscribing {
    hear_of_it: "Être prévenu",
    every_word: "Chaque message sur un incident ou des travaux annoncés, du premier au dernier.",
    by: "Par",
    your_mail: "Votre adresse e-mail",
    mail_or_url: "Votre adresse e-mail, ou l’URL du webhook",
    url: "L’URL du webhook",
    about: "À propos de",
    note: "Vous recevez un message à confirmer. Nous gardons l’adresse et vos choix, pour cela seul, et effaçons les deux quand \
           vous partez.",
    mail: "e-mail",
    language: "Langue des messages",
    in_browser: "Dans ce navigateur",
    browser_note: "Les messages viennent d’ici, même sans page ouverte. Rien n’est gardé que ce que votre navigateur donne pour cela, et un seul clic suffit pour partir.",
    needs_script: "Cela demande un script, que votre navigateur n’exécute pas ici.",
    tell_here: "Me prévenir dans ce navigateur",
    stop_here: "Ne plus me prévenir ici",
    incapable: "Ce navigateur n’accepte pas de messages d’ici.",
    denied: "Votre navigateur ne laisse pas cette page montrer des messages : ses réglages pour ce site le disent.",
    begun: "Un premier message est en route. Dès qu’il est là, ce navigateur est abonné.",
    ended_here: "Ce navigateur ne reçoit plus rien, et ce qu’il a donné est effacé.",
    this_browser: "Ce navigateur apprend chaque annonce publique de {0}.",
    leave_browser: "Se désabonner",
    browser_there: "un navigateur abonné ici",
    no_browser: "un navigateur s’abonne lui-même, sur la page d’abonnement",
    yours: "Votre abonnement",
    goes: "Les nouvelles de {0} vont par {1} à",
    is_to_go: "Les nouvelles de {0} doivent aller par {1} à",
    trouble: "Le dernier message n’a pas été accepté : {0}.",
    signed: "Les messages sont signés : X-Downbeat-Signature est sha256= et le HMAC-SHA256 du contenu avec",
    keep_choice: "Garder ce choix",
    choice_note: "Sans choix, vous êtes prévenu de tout. De ce dont vous avez appris le début, vous apprenez la fin.",
    leave: "Se désabonner et effacer l’adresse",
    closed: ["Il n’y a pas d’abonnements ici", "Cette page n’en accepte pas. Ses flux et son calendrier sont ouverts."],
    failed: "Cela n’a pas fonctionné",
    try_later: "C’est impossible pour le moment. Rien n’a changé ; revenez plus tard.",
    not_kept: "Rien n’a été gardé : {0}.",
    too_many: "Trop de demandes sont venues de votre réseau dans l’heure. Revenez plus tard.",
    full: "Il n’y a plus de place pour le moment.",
    on_its_way: "Un message est en route vers cette adresse, sauf si elle est déjà abonnée ou a été interrogée dans l’heure. Rien \
                 d’autre ne vient avant que vous n’ayez suivi son lien et confirmé, dans les 48 heures.",
    unknown: [
        "Cet abonnement n’existe pas",
        "Il est terminé, ou n’a pas été confirmé à temps. Vous pouvez vous abonner de nouveau.",
    ],
    left: ["Vous êtes désabonné", "Rien d’autre ne viendra, et votre adresse est effacée."],
    no_mail: "ce n’est pas une adresse e-mail, écrivez-la comme vous@example.org",
    no_url: "ce n’est pas une adresse du web, écrivez-la comme https://example.org/chemin",
    credentials: "une adresse qui contient un nom d’utilisateur ou un mot de passe n’est pas gardée",
    long: "aucune adresse n’est aussi longue",
    please_confirm: "Merci de confirmer",
    confirm: "Confirmer cet abonnement",
    news_of: "Nouvelles de l’état de {0}",
    asked_for: "Quelqu’un a demandé que les nouvelles de l’état de {0} soient envoyées ici. Si c’est juste, confirmez-le sur la \
                page ci-dessous dans les 48 heures. Sinon, ne faites rien : rien d’autre ne viendra.",
    read_more: "En savoir plus",
    manage: "Modifier ou terminer cet abonnement",
};

pub(super) const ES: Subscribing = Subscribing {
    hear_of_it: "Estar al tanto",
    every_word: "Cada mensaje sobre un incidente o unos trabajos anunciados, del primero al último.",
    by: "Por",
    your_mail: "Su dirección de correo",
    mail_or_url: "Su dirección de correo, o la URL del webhook",
    url: "La URL del webhook",
    about: "Acerca de",
    note: "Recibirá un mensaje para confirmar. Guardamos la dirección y lo que elija, solo para esto, y borramos ambas cosas \
           cuando se vaya.",
    mail: "correo",
    language: "Idioma de los mensajes",
    in_browser: "En este navegador",
    browser_note: "Los mensajes vienen de aquí, también sin ninguna página abierta. Solo se guarda lo que su navegador da para ello, y basta un clic para salir.",
    needs_script: "Esto necesita un script, que su navegador no ejecuta aquí.",
    tell_here: "Avisarme en este navegador",
    stop_here: "No avisarme más aquí",
    incapable: "Este navegador no acepta mensajes de aquí.",
    denied: "Su navegador no deja que esta página muestre mensajes: así lo dicen sus ajustes para este sitio.",
    begun: "Un primer mensaje está en camino. Cuando llegue, este navegador estará suscrito.",
    ended_here: "Este navegador no recibe nada más, y lo que dio está borrado.",
    this_browser: "Este navegador se entera de cada aviso público de {0}.",
    leave_browser: "Darse de baja",
    browser_there: "uno que se suscribió aquí",
    no_browser: "un navegador se suscribe solo, en la página de suscripción",
    yours: "Su suscripción",
    goes: "Las noticias de {0} van por {1} a",
    is_to_go: "Las noticias de {0} han de ir por {1} a",
    trouble: "El último mensaje no fue aceptado: {0}.",
    signed: "Los mensajes van firmados: X-Downbeat-Signature es sha256= y el HMAC-SHA256 del contenido con",
    keep_choice: "Guardar esta elección",
    choice_note: "Si no elige nada, le avisamos de todo. De lo que haya sabido el principio, sabrá el final.",
    leave: "Cancelar la suscripción y borrar la dirección",
    closed: ["Aquí no hay suscripciones", "Esta página no las acepta. Sus canales y su calendario están abiertos."],
    failed: "Eso no ha funcionado",
    try_later: "No es posible en este momento. Nada ha cambiado; vuelva más tarde.",
    not_kept: "No se ha guardado nada: {0}.",
    too_many: "Han preguntado demasiados desde su red en esta hora. Vuelva más tarde.",
    full: "En este momento no hay sitio para más.",
    on_its_way: "Un mensaje va en camino a esa dirección, salvo que ya esté suscrita o se le haya preguntado en la última hora. No \
                 llega nada más hasta que siga el enlace y confirme, en un plazo de 48 horas.",
    unknown: ["Esa suscripción no existe", "Ha terminado, o no se confirmó a tiempo. Puede suscribirse de nuevo."],
    left: ["Suscripción cancelada", "No llegará nada más, y su dirección está borrada."],
    no_mail: "eso no es una dirección de correo, escríbala como usted@example.org",
    no_url: "eso no es una dirección de la web, escríbala como https://example.org/ruta",
    credentials: "no se guarda una dirección con nombre de usuario o contraseña",
    long: "ninguna dirección es tan larga",
    please_confirm: "Por favor, confirme",
    confirm: "Confirmar esta suscripción",
    news_of: "Noticias del estado de {0}",
    asked_for: "Alguien ha pedido que las noticias del estado de {0} se envíen aquí. Si es correcto, confírmelo en la página de \
                abajo en un plazo de 48 horas. Si no, no haga nada: no llegará nada más.",
    read_more: "Leer más",
    manage: "Cambiar o terminar esta suscripción",
};
