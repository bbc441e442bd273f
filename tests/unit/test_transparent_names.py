"""`gateway.transparent.names`: what addresses mean, by virtual time."""

from dualstack.core.address.address import Address
from dualstack.core.address.prefix import Prefix
from dualstack.gateway.transparent.names import POOLS, Meaning, Names, Pool

ONE, TWO, THREE = (Address(f"192.0.2.{number}") for number in (1, 2, 3))
SIX = Address("2001:db8::1")


def test_a_name_keeps_its_address_and_the_address_its_name() -> None:
    names = Names()
    for version in (4, 6):
        stand_in = names.stand_in("six.example", version, 0.0)
        assert stand_in is not None
        assert stand_in in POOLS[version]
        assert names.stand_in("six.example", version, 9.0) == stand_in
        assert names.stand_in("other.example", version, 9.0) != stand_in
        assert names.meaning(stand_in, 9.0) == Meaning("six.example")
        assert names.stands_for(stand_in, 9.0) == "six.example"


def test_an_address_of_a_pool_that_stands_in_for_nothing_means_nothing() -> None:
    assert Names().meaning(Address("198.18.77.77"), 0.0) is None


def test_an_address_leads_to_all_of_its_name_itself_first() -> None:
    names = Names()
    names.learn("both.example", [SIX, ONE, TWO])
    assert names.meaning(TWO, 0.0) == Meaning(addresses=(TWO, ONE, SIX))
    assert names.meaning(THREE, 0.0) == Meaning(addresses=(THREE,))


def test_an_address_of_two_names_leads_to_itself_unless_both_have_the_same() -> None:
    names = Names()
    names.learn("one.example", [ONE, TWO])
    names.learn("alias.example", [TWO, ONE])
    assert names.meaning(ONE, 0.0) == Meaning(addresses=(ONE, TWO))
    names.learn("other.example", [ONE, THREE])
    assert names.meaning(ONE, 0.0) == Meaning(addresses=(ONE,))
    assert names.meaning(TWO, 0.0) == Meaning(addresses=(TWO, ONE))


def test_an_answer_that_changes_counts_as_it_is_now() -> None:
    names = Names()
    names.learn("moves.example", [ONE, TWO])
    names.learn("moves.example", [ONE, THREE])
    assert names.meaning(ONE, 0.0) == Meaning(addresses=(ONE, THREE))


def test_a_full_pool_gives_away_what_nobody_has_used_for_an_hour_and_nothing_else() -> None:
    pool = Pool(Prefix.parse("198.18.0.0/15"), limit=2, kept_s=3600.0)
    first, second = pool.address_of("a", 0.0), pool.address_of("b", 1.0)
    assert pool.address_of("c", 2.0) is None
    assert first is not None
    assert pool.name_of(first, 3000.0) == "a", "and that counts as use"
    third = pool.address_of("c", 3601.0)
    assert third not in {None, first, second}, "one that was given back is not given out at once"
    assert second is not None
    assert pool.name_of(second, 3601.0) is None
    assert pool.address_of("d", 3602.0) is None
    assert len(pool) == 2


def test_a_pool_gives_out_every_address_but_its_reserved_ones_once() -> None:
    pool = Pool(Prefix.parse("198.18.0.0/22"), kept_s=10.0)
    given = [pool.address_of(f"n{number}", 0.0) for number in range(1024 - 512)]
    assert len(set(given)) == 512
    assert given[0] == Address("198.18.1.0")
    assert pool.address_of("more", 9.0) is None
    assert pool.address_of("more", 10.0) == given[0]


def test_what_is_known_of_names_is_bounded() -> None:
    names = Names(known=2)
    for number, address in enumerate((ONE, TWO, THREE)):
        names.learn(f"n{number}.example", [address, SIX])
    assert names.meaning(ONE, 0.0) == Meaning(addresses=(ONE,))
    assert names.meaning(THREE, 0.0) == Meaning(addresses=(THREE, SIX))
