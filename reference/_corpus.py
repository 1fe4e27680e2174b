"""A small text with structure to learn: the same stories in two languages.

A story is drawn from 8 roles, 2 genders, 6 cities and 4 times of the day, each
combination once: 384 stories. What follows from what is known, so a model's
loss can be compared with the least that is possible: log 384 a story, and
nothing for the words that follow from others.

    role and gender   decide the person, the place where they live, what they
                      take along, and the pronoun
    city              decides the country and its food
    time              decides what they do then
"""

from itertools import product
from typing import NamedTuple

import numpy as np


class Words(NamedTuple):
    """What the stories are made of in one language."""

    people: tuple[tuple[str, str], ...]  # of each role, a man and a woman
    homes: tuple[tuple[str, str], ...]  # of each role, the place and the thing
    pronouns: tuple[str, str]
    cities: tuple[tuple[str, str, str], ...]  # the city, its country, its food
    times: tuple[tuple[str, str], ...]  # the time, what is done then


ENGLISH = Words(
    people=(
        ("king", "queen"),
        ("prince", "princess"),
        ("man", "woman"),
        ("boy", "girl"),
        ("father", "mother"),
        ("uncle", "aunt"),
        ("actor", "actress"),
        ("monk", "nun"),
    ),
    homes=(
        ("palace", "crown"),
        ("castle", "ring"),
        ("house", "coat"),
        ("tent", "pencil"),
        ("cottage", "hat"),
        ("farm", "basket"),
        ("theatre", "mask"),
        ("cloister", "candle"),
    ),
    pronouns=("he", "she"),
    cities=(
        ("seoul", "korea", "kimchi"),
        ("tokyo", "japan", "sushi"),
        ("paris", "france", "cheese"),
        ("rome", "italy", "pasta"),
        ("cairo", "egypt", "beans"),
        ("lima", "peru", "potatoes"),
    ),
    times=(
        ("morning", "drinks tea"),
        ("afternoon", "writes a letter"),
        ("evening", "reads a book"),
        ("night", "counts the stars"),
    ),
)

KOREAN = Words(
    people=(
        ("왕", "왕비"),
        ("왕자", "공주"),
        ("남자", "여자"),
        ("소년", "소녀"),
        ("아버지", "어머니"),
        ("삼촌", "이모"),
        ("배우", "여배우"),
        ("수도사", "수녀"),
    ),
    homes=(
        ("궁전", "왕관"),
        ("성", "반지"),
        ("집", "외투"),
        ("천막", "연필"),
        ("오두막", "모자"),
        ("농장", "바구니"),
        ("극장", "가면"),
        ("수도원", "양초"),
    ),
    pronouns=("그", "그녀"),
    cities=(
        ("서울", "한국", "김치"),
        ("도쿄", "일본", "초밥"),
        ("파리", "프랑스", "치즈"),
        ("로마", "이탈리아", "파스타"),
        ("카이로", "이집트", "콩"),
        ("리마", "페루", "감자"),
    ),
    times=(
        ("아침", "차를 마신다"),
        ("오후", "편지를 쓴다"),
        ("저녁", "책을 읽는다"),
        ("밤", "별을 센다"),
    ),
)


def stories(language: str = "en") -> list[list[str]]:
    r"""Return 384 stories of 4 sentences, shuffled alike in each language.

    Words, and the full stop, are separated by one space.

    Raises:
        ValueError: The language is neither "en" nor "ko".

    >>> print(*stories()[0], sep="\n")
    the nun lives in her cloister .
    she takes her candle and travels to rome .
    rome is the capital of italy .
    in the night she eats pasta and counts the stars .
    >>> print(*stories("ko")[0], sep="\n")
    수녀는 수도원에 산다 .
    그녀는 양초를 챙겨 로마로 떠난다 .
    로마는 이탈리아의 수도이다 .
    밤에 그녀는 파스타를 먹고 별을 센다 .
    """
    if language not in ("en", "ko"):
        raise ValueError(f'needs the language "en" or "ko", got {language!r}')
    words, tell = {"en": (ENGLISH, _english), "ko": (KOREAN, _korean)}[language]
    counts = map(len, (words.people, words.pronouns, words.cities, words.times))
    told = [tell(words, *story) for story in product(*map(range, counts))]
    order = np.random.default_rng(0).permutation(len(told))
    return [told[i] for i in order]


def _english(
    words: Words, role: int, gender: int, place: int, time: int
) -> list[str]:
    home, thing = words.homes[role]
    city, country, food = words.cities[place]
    hour, deed = words.times[time]
    he, his = words.pronouns[gender], ("his", "her")[gender]
    return [
        f"the {words.people[role][gender]} lives in {his} {home} .",
        f"{he} takes {his} {thing} and travels to {city} .",
        f"{city} is the capital of {country} .",
        f"in the {hour} {he} eats {food} and {deed} .",
    ]


def _korean(
    words: Words, role: int, gender: int, place: int, time: int
) -> list[str]:
    home, thing = words.homes[role]
    city, country, food = words.cities[place]
    hour, deed = words.times[time]
    topic = _with_particle(words.pronouns[gender], "은", "는")
    return [
        f"{_with_particle(words.people[role][gender], '은', '는')} "
        f"{home}에 산다 .",
        f"{topic} {_with_particle(thing, '을', '를')} 챙겨 {city}로 떠난다 .",
        f"{_with_particle(city, '은', '는')} {country}의 수도이다 .",
        f"{hour}에 {topic} {_with_particle(food, '을', '를')} 먹고 {deed} .",
    ]


def _with_particle(word: str, closed: str, open_: str) -> str:
    """Return a Korean word with the particle for its last syllable.

    Unicode orders the syllables in groups of 28, the first of each without a
    final consonant.
    """
    return word + (closed if (ord(word[-1]) - ord("가")) % 28 else open_)
