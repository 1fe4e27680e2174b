from collections import Counter

import pytest

from reference._corpus import ENGLISH, KOREAN, stories


@pytest.mark.parametrize("language", ["en", "ko"])
def test_each_combination_is_told_once(language):
    told = stories(language)
    assert len({tuple(story) for story in told}) == len(told) == 384
    assert {len(story) for story in told} == {4}
    firsts = Counter(story[0] for story in told)
    assert len(firsts) == 16
    assert set(firsts.values()) == {24}


@pytest.mark.parametrize("language", ["en", "ko"])
def test_words_are_separated_by_one_space(language):
    for sentence in (s for story in stories(language) for s in story):
        assert sentence.endswith(" .")
        assert sentence == " ".join(sentence.split())


def test_both_languages_tell_the_same_story():
    cities = {
        en[0]: ko[0]
        for en, ko in zip(ENGLISH.cities, KOREAN.cities, strict=True)
    }
    hours = {
        en[0]: ko[0] for en, ko in zip(ENGLISH.times, KOREAN.times, strict=True)
    }
    people = {
        name: KOREAN.people[role][gender]
        for role, names in enumerate(ENGLISH.people)
        for gender, name in enumerate(names)
    }
    for en, ko in zip(stories(), stories("ko"), strict=True):
        assert ko[0].startswith(people[en[0].split()[1]])
        assert ko[2].startswith(cities[en[2].split()[0]])
        assert ko[3].startswith(hours[en[3].split()[2]])


def test_pronouns_agree_with_the_person():
    men = {man for man, _ in ENGLISH.people}
    for story in stories():
        words = {word for sentence in story for word in sentence.split()}
        if story[0].split()[1] in men:
            assert {"he", "his"} <= words
            assert not {"she", "her"} & words
        else:
            assert {"she", "her"} <= words
            assert not {"he", "his"} & words


@pytest.mark.parametrize(
    "word",
    [
        "왕은",
        "왕비는",
        "공주는",
        "삼촌은",
        "서울은",
        "로마는",
        "그는",
        "왕관을",
        "반지를",
        "외투를",
        "양초를",
        "김치를",
        "초밥을",
        "콩을",
        "감자를",
    ],
)
def test_particles_follow_the_last_syllable(word):
    text = " ".join(s for story in stories("ko") for s in story).split()
    wrong = {"은": "는", "는": "은", "을": "를", "를": "을"}[word[-1]]
    assert word in text
    assert word[:-1] + wrong not in text


def test_other_languages_are_refused():
    with pytest.raises(ValueError, match='"en" or "ko", got \'de\''):
        stories("de")
