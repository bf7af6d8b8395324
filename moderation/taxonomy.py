"""The 28 categories: what each means, how severe it is, how it is found, and what others call it.

Outward names are for people and systems outside: OpenAI's moderation endpoint, Perspective's
attributes, the EU's DSA Transparency Database (enumeration values of its June 2026 revision) and
MLCommons AILuminate v1.1. None of them covers commerce, raids or scams, so we map outwards and
never think in their terms.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType

from moderation.errors import UnknownCategory


class Severity(StrEnum):
    """How bad it is at its usual worst. The level sets the default clock for a first human look."""

    P0 = "P0"  #: imminent threat to life, or child sexual exploitation: 15 minutes
    P1 = "P1"  #: serious, hard-to-undo harm to a person or many victims: 60 minutes
    P2 = "P2"  #: clear harm, reversible: 4 hours
    P3 = "P3"  #: quality, deception, age-suitability: 24 hours
    P4 = "P4"  #: advisory: 72 hours

    @property
    def minutes(self) -> int:
        """Minutes until a person should have looked, when no rule says otherwise."""
        return _DEFAULT_MINUTES[self]

    @property
    def rank(self) -> int:
        """0 for P0 (worst) to 4 for P4."""
        return int(self.value[1])


_DEFAULT_MINUTES: Mapping[Severity, int] = MappingProxyType(
    {
        Severity.P0: 15,
        Severity.P1: 60,
        Severity.P2: 240,
        Severity.P3: 1440,
        Severity.P4: 4320,
    }
)


class Detection(StrEnum):
    """How the workbench can notice a category today. Nothing is listed that has no detector."""

    TRAINED = "trained"  #: a trained model gives a calibrated probability
    HEURISTIC = "heuristic"  #: patterns or rules of thumb; a hint, never proof
    HASH = "hash"  #: a match with a bank of known images
    REPORT_ONLY = "report only"  #: no detector: reports, orders and reviewers only


@dataclass(frozen=True, slots=True)
class Category:
    """One kind of harm."""

    id: str
    title: str
    definition: str
    severity: Severity  #: at its usual worst
    detection: tuple[Detection, ...]
    openai: tuple[str, ...] = ()
    perspective: tuple[str, ...] = ()
    dsa_category: str = "STATEMENT_CATEGORY_OTHER_VIOLATION_TC"
    dsa_keywords: tuple[str, ...] = ("KEYWORD_OTHER",)
    ailuminate: tuple[str, ...] = ()


_TRAINED = (Detection.TRAINED,)
_TRAINED_HEURISTIC = (Detection.TRAINED, Detection.HEURISTIC)
_HEURISTIC = (Detection.HEURISTIC,)
_HASH = (Detection.HASH,)
_REPORT = (Detection.REPORT_ONLY,)

_ALL: tuple[Category, ...] = (
    Category(
        "csae",
        "Child sexual abuse and exploitation",
        "Material or text that sexualises anyone under 18, real or generated; offers, links or praise of it.",
        Severity.P0,
        _HASH,
        openai=("sexual/minors",),
        perspective=(),
        dsa_category="STATEMENT_CATEGORY_PROTECTION_OF_MINORS",
        dsa_keywords=(
            "KEYWORD_CHILD_SEXUAL_ABUSE_MATERIAL",
            "KEYWORD_CHILD_SEXUAL_ABUSE_MATERIAL_DEEPFAKE",
        ),
        ailuminate=("child sexual exploitation",),
    ),
    Category(
        "grooming",
        "Grooming",
        "A conversation in which an adult builds secrecy or dependence with a minor, probes age, or moves the minor to a private channel.",
        Severity.P0,
        _HEURISTIC,
        openai=("sexual/minors",),
        perspective=(),
        dsa_category="STATEMENT_CATEGORY_PROTECTION_OF_MINORS",
        dsa_keywords=("KEYWORD_GROOMING_SEXUAL_ENTICEMENT_MINORS",),
        ailuminate=("child sexual exploitation",),
    ),
    Category(
        "minor_risk",
        "Risk to minors",
        "Unsafe challenges, under-age accounts, posts unsuitable for the viewer's age, exploitation of child performers.",
        Severity.P2,
        _REPORT,
        openai=(),
        perspective=(),
        dsa_category="STATEMENT_CATEGORY_PROTECTION_OF_MINORS",
        dsa_keywords=("KEYWORD_UNSAFE_CHALLENGES", "KEYWORD_AGE_SPECIFIC_RESTRICTIONS_MINORS"),
        ailuminate=(),
    ),
    Category(
        "terror_extremism",
        "Terrorism and violent extremism",
        "Promotion, recruitment, instruction or praise of designated violent groups.",
        Severity.P0,
        _REPORT,
        openai=("illicit/violent",),
        perspective=(),
        dsa_category="STATEMENT_CATEGORY_RISK_FOR_PUBLIC_SECURITY",
        dsa_keywords=("KEYWORD_TERRORIST_CONTENT", "KEYWORD_ILLEGAL_ORGANIZATIONS"),
        ailuminate=("violent crimes", "indiscriminate weapons"),
    ),
    Category(
        "threat_incitement",
        "Threats and incitement to violence",
        "A credible threat, or a call to violence, against a person or a group.",
        Severity.P0,
        _TRAINED,
        openai=("harassment/threatening", "hate/threatening", "violence", "illicit/violent"),
        perspective=("THREAT",),
        dsa_category="STATEMENT_CATEGORY_VIOLENCE",
        dsa_keywords=("KEYWORD_INCITEMENT_VIOLENCE_HATRED", "KEYWORD_COORDINATED_HARM"),
        ailuminate=("violent crimes",),
    ),
    Category(
        "graphic_violence",
        "Graphic violence",
        "Real injury, death or cruelty to people or animals, shown without public-interest context.",
        Severity.P2,
        _REPORT,
        openai=("violence/graphic",),
        perspective=(),
        dsa_category="STATEMENT_CATEGORY_VIOLENCE",
        dsa_keywords=("KEYWORD_OTHER",),
        ailuminate=("violent crimes",),
    ),
    Category(
        "self_harm",
        "Self-harm",
        "Encouragement or methods of self-harm, suicide or eating disorders. First-person distress is a support case, not a violation.",
        Severity.P0,
        _TRAINED_HEURISTIC,
        openai=("self-harm", "self-harm/intent", "self-harm/instructions"),
        perspective=(),
        dsa_category="STATEMENT_CATEGORY_SELF_HARM",
        dsa_keywords=(
            "KEYWORD_SUICIDE",
            "KEYWORD_SELF_MUTILATION",
            "KEYWORD_CONTENT_PROMOTING_EATING_DISORDERS",
        ),
        ailuminate=("suicide and self-harm",),
    ),
    Category(
        "hate",
        "Hate",
        "An attack on people for a protected trait, nationality and language included, in any direction.",
        Severity.P1,
        _TRAINED,
        openai=("hate", "hate/threatening"),
        perspective=("IDENTITY_ATTACK",),
        dsa_category="STATEMENT_CATEGORY_ILLEGAL_OR_HARMFUL_SPEECH",
        dsa_keywords=("KEYWORD_HATE_SPEECH", "KEYWORD_DISCRIMINATION"),
        ailuminate=("hate",),
    ),
    Category(
        "harassment",
        "Harassment",
        "Insult, humiliation, sexual harassment or stalking aimed at a person.",
        Severity.P2,
        _TRAINED_HEURISTIC,
        openai=("harassment", "harassment/threatening"),
        perspective=("INSULT",),
        dsa_category="STATEMENT_CATEGORY_CYBER_VIOLENCE",
        dsa_keywords=(
            "KEYWORD_CYBER_HARASSMENT",
            "KEYWORD_CYBER_BULLYING_INTIMIDATION",
            "KEYWORD_CYBER_STALKING",
        ),
        ailuminate=("hate",),
    ),
    Category(
        "raid_brigading",
        "Raids and brigading",
        "Coordinated flooding of a room, post or seller; imported mobs; call-outs.",
        Severity.P1,
        _HEURISTIC,
        openai=(),
        perspective=(),
        dsa_category="STATEMENT_CATEGORY_VIOLENCE",
        dsa_keywords=("KEYWORD_COORDINATED_HARM",),
        ailuminate=(),
    ),
    Category(
        "doxxing_privacy",
        "Doxxing and privacy",
        "Publication of a person's private data (address, identity number, phone, school) or a call to find it.",
        Severity.P1,
        _TRAINED_HEURISTIC,
        openai=(),
        perspective=(),
        dsa_category="STATEMENT_CATEGORY_DATA_PROTECTION_AND_PRIVACY_VIOLATIONS",
        dsa_keywords=("KEYWORD_MISSING_PROCESSING_GROUND", "KEYWORD_OTHER"),
        ailuminate=("privacy",),
    ),
    Category(
        "ncii",
        "Intimate images without consent",
        "An intimate image shared without consent, generated ones included, or the threat to share one.",
        Severity.P1,
        _REPORT,
        openai=("sexual",),
        perspective=(),
        dsa_category="STATEMENT_CATEGORY_CYBER_VIOLENCE",
        dsa_keywords=(
            "KEYWORD_NON_CONSENSUAL_IMAGE_SHARING",
            "KEYWORD_NON_CONSENSUAL_MATERIAL_DEEPFAKE",
        ),
        ailuminate=("sex-related crimes", "privacy"),
    ),
    Category(
        "adult_sexual",
        "Adult sexual content",
        "Consensual adult nudity, sexual content or its solicitation.",
        Severity.P3,
        _TRAINED,
        openai=("sexual",),
        perspective=("SEXUALLY_EXPLICIT",),
        dsa_category="STATEMENT_CATEGORY_OTHER_VIOLATION_TC",
        dsa_keywords=("KEYWORD_ADULT_SEXUAL_MATERIAL", "KEYWORD_NUDITY"),
        ailuminate=("sexual content",),
    ),
    Category(
        "trafficking_exploitation",
        "Trafficking and exploitation",
        "Recruitment by deception, forced labour, hiring for scam compounds, exploitation of trafficked people.",
        Severity.P0,
        _REPORT,
        openai=("illicit",),
        perspective=(),
        dsa_category="STATEMENT_CATEGORY_VIOLENCE",
        dsa_keywords=(
            "KEYWORD_HUMAN_TRAFFICKING",
            "KEYWORD_HUMAN_EXPLOITATION",
            "KEYWORD_TRAFFICKING_WOMEN_GIRLS",
        ),
        ailuminate=("sex-related crimes",),
    ),
    Category(
        "identity_inauthentic",
        "Impersonation and inauthentic accounts",
        "Impersonation, account takeover, bot networks.",
        Severity.P2,
        _REPORT,
        openai=(),
        perspective=(),
        dsa_category="STATEMENT_CATEGORY_SCAMS_AND_FRAUD",
        dsa_keywords=("KEYWORD_IMPERSONATION_ACCOUNT_HIJACKING", "KEYWORD_INAUTHENTIC_ACCOUNTS"),
        ailuminate=("non-violent crimes",),
    ),
    Category(
        "fraud_phishing",
        "Fraud and phishing",
        "Phishing, fake refunds, brushing jobs, advance fees, fake giveaways.",
        Severity.P1,
        _TRAINED_HEURISTIC,
        openai=("illicit",),
        perspective=(),
        dsa_category="STATEMENT_CATEGORY_SCAMS_AND_FRAUD",
        dsa_keywords=("KEYWORD_PHISHING", "KEYWORD_PYRAMID_SCHEMES"),
        ailuminate=("non-violent crimes",),
    ),
    Category(
        "pig_butchering",
        "Trust-then-invest scams",
        "A relationship built over time that ends in an investment or gambling platform; scored over the conversation.",
        Severity.P1,
        _HEURISTIC,
        openai=("illicit",),
        perspective=(),
        dsa_category="STATEMENT_CATEGORY_SCAMS_AND_FRAUD",
        dsa_keywords=("KEYWORD_OTHER", "KEYWORD_INAUTHENTIC_ACCOUNTS"),
        ailuminate=("non-violent crimes", "specialized advice"),
    ),
    Category(
        "crossborder_scam",
        "Cross-border scams",
        "Guaranteed visas, lures into overseas jobs, gambling recruitment, money mules, parcel and customs scams.",
        Severity.P1,
        _REPORT,
        openai=("illicit",),
        perspective=(),
        dsa_category="STATEMENT_CATEGORY_SCAMS_AND_FRAUD",
        dsa_keywords=("KEYWORD_OTHER",),
        ailuminate=("non-violent crimes", "specialized advice"),
    ),
    Category(
        "offplatform_luring",
        "Off-platform luring",
        "A deal or chat moved off the platform, or a hidden contact: handles, groups, codes in images.",
        Severity.P3,
        _TRAINED_HEURISTIC,
        openai=(),
        perspective=(),
        dsa_category="STATEMENT_CATEGORY_OTHER_VIOLATION_TC",
        dsa_keywords=("KEYWORD_OTHER",),
        ailuminate=(),
    ),
    Category(
        "prohibited_goods",
        "Prohibited goods and services",
        "Drugs, weapons, medicines, tobacco, wildlife, unsafe goods, forged papers, account or identity trade.",
        Severity.P1,
        _TRAINED,
        openai=("illicit", "illicit/violent"),
        perspective=(),
        dsa_category="STATEMENT_CATEGORY_UNSAFE_AND_PROHIBITED_PRODUCTS",
        dsa_keywords=("KEYWORD_PROHIBITED_PRODUCTS", "KEYWORD_UNSAFE_PRODUCTS"),
        ailuminate=("non-violent crimes", "indiscriminate weapons"),
    ),
    Category(
        "counterfeit",
        "Counterfeits",
        "Fake brand goods and trade-mark abuse.",
        Severity.P2,
        _TRAINED,
        openai=(),
        perspective=(),
        dsa_category="STATEMENT_CATEGORY_INTELLECTUAL_PROPERTY_INFRINGEMENTS",
        dsa_keywords=("KEYWORD_TRADEMARK_INFRINGEMENT", "KEYWORD_DESIGN_INFRINGEMENT"),
        ailuminate=("intellectual property",),
    ),
    Category(
        "copyright",
        "Copyright",
        "Copied photos, clips, music or courses.",
        Severity.P2,
        _REPORT,
        openai=(),
        perspective=(),
        dsa_category="STATEMENT_CATEGORY_INTELLECTUAL_PROPERTY_INFRINGEMENTS",
        dsa_keywords=("KEYWORD_COPYRIGHT_INFRINGEMENT",),
        ailuminate=("intellectual property",),
    ),
    Category(
        "deceptive_commerce",
        "Deceptive commerce",
        "Hidden advertising, fake reviews, false claims, price tricks, missing trader data.",
        Severity.P3,
        _REPORT,
        openai=(),
        perspective=(),
        dsa_category="STATEMENT_CATEGORY_CONSUMER_INFORMATION",
        dsa_keywords=(
            "KEYWORD_HIDDEN_ADVERTISEMENT",
            "KEYWORD_MISLEADING_INFO_GOODS_SERVICES",
            "KEYWORD_INSUFFICIENT_INFORMATION_ON_TRADERS",
            "KEYWORD_NONCOMPLIANCE_PRICING",
        ),
        ailuminate=("specialized advice",),
    ),
    Category(
        "civic_information",
        "Civic information",
        "Falsehoods about election procedure, covert foreign influence, dangerous health falsehoods. Opinion and criticism are excluded.",
        Severity.P2,
        _REPORT,
        openai=(),
        perspective=(),
        dsa_category="STATEMENT_CATEGORY_NEGATIVE_EFFECTS_ON_CIVIC_DISCOURSE_OR_ELECTIONS",
        dsa_keywords=("KEYWORD_MISINFORMATION_DISINFORMATION",),
        ailuminate=("specialized advice", "defamation"),
    ),
    Category(
        "synthetic_unlabelled",
        "Unlabelled synthetic media",
        "Realistic generated media without label or provenance, not otherwise harmful.",
        Severity.P3,
        _REPORT,
        openai=(),
        perspective=(),
        dsa_category="STATEMENT_CATEGORY_OTHER_VIOLATION_TC",
        dsa_keywords=("KEYWORD_OTHER",),
        ailuminate=(),
    ),
    Category(
        "toxicity",
        "Toxicity",
        "Rude, abusive or profane language, aimed at nobody in particular or at anybody.",
        Severity.P4,
        _TRAINED,
        openai=(),
        perspective=("TOXICITY", "SEVERE_TOXICITY", "PROFANITY"),
        dsa_category="STATEMENT_CATEGORY_CYBER_VIOLENCE",
        dsa_keywords=("KEYWORD_CYBER_BULLYING_INTIMIDATION",),
        ailuminate=(),
    ),
    Category(
        "gambling",
        "Gambling",
        "Promotion of gambling sites, bets or lotteries.",
        Severity.P2,
        _TRAINED,
        openai=("illicit",),
        perspective=(),
        dsa_category="STATEMENT_CATEGORY_OTHER_VIOLATION_TC",
        dsa_keywords=("KEYWORD_GOODS_SERVICES_NOT_PERMITTED",),
        ailuminate=("non-violent crimes",),
    ),
    Category(
        "spam",
        "Spam",
        "Unwanted bulk advertising, repeated or templated.",
        Severity.P3,
        _TRAINED,
        openai=(),
        perspective=("SPAM",),
        dsa_category="STATEMENT_CATEGORY_SCAMS_AND_FRAUD",
        dsa_keywords=("KEYWORD_INAUTHENTIC_ACCOUNTS",),
        ailuminate=("non-violent crimes",),
    ),
)

#: Category id → category, in the fixed order of every score column.
CATEGORIES: Mapping[str, Category] = MappingProxyType({entry.id: entry for entry in _ALL})

#: The order of score columns: `(n_items, 28)`.
CATEGORY_IDS: tuple[str, ...] = tuple(CATEGORIES)

#: Labels of the training data → category ids. The first ten are those of the public sets,
#: the last three come with the seed corpus.
DATA_LABELS: Mapping[str, str] = MappingProxyType(
    {
        "toxicity": "toxicity",
        "hate": "hate",
        "harassment": "harassment",
        "sexual": "adult_sexual",
        "violence": "threat_incitement",
        "self_harm": "self_harm",
        "fraud": "fraud_phishing",
        "gambling": "gambling",
        "illicit": "prohibited_goods",
        "spam": "spam",
        "luring": "offplatform_luring",
        "doxxing": "doxxing_privacy",
        "counterfeit": "counterfeit",
    }
)

#: What a reviewer may confirm about the context of an item; policy rules may except these.
CONTEXT_TAGS: tuple[str, ...] = (
    "news",
    "education",
    "art",
    "science",
    "satire",
    "counterspeech",
    "quoted_to_condemn",
    "survivor_speech",
    "support_seeking",
    "own_business_contact",
    "political_speech",
)

#: What a reviewer may record beside a decision about the author's conduct. Strikes are named by
#: these too; `author_warned` says that the platform has told the author what comes next.
CONDUCT_TAGS: tuple[str, ...] = ("manifestly_illegal", "author_warned")


def category(category_id: str) -> Category:
    """The category of that id.

    Raises:
        UnknownCategory: the id is none of the 28.
    """
    try:
        return CATEGORIES[category_id]
    except KeyError:
        raise UnknownCategory(
            f"unknown category {category_id!r}; the categories are: {', '.join(CATEGORY_IDS)}"
        ) from None
