from coordinator.flower.inviter import AGAIN, PATIENCE, Inviter, Verdict
from protocols.ids import ProviderId

NORTH, SOUTH = ProviderId("north"), ProviderId("south")
KEYS = {b"key of north": NORTH, b"key of south": SOUTH}
ONLINE = {1: b"key of north", 2: b"key of south", 3: b"a stranger's"}


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def test_each_member_online_is_invited_once_and_strangers_never() -> None:
    clock = Clock()
    inviter = Inviter(lambda: KEYS, clock)
    assert inviter.to_invite(ONLINE, [], []) == {1: NORTH, 2: SOUTH}
    assert inviter.to_invite(ONLINE, [Verdict(1, True, "invited")], []) == {}
    clock.now = PATIENCE + 1
    assert inviter.to_invite(ONLINE, [], []) == {2: SOUTH}, "whose message was lost"
    assert inviter.standing(NORTH) == "invitation taken: invited"


def test_who_has_a_session_needs_no_invitation() -> None:
    inviter = Inviter(lambda: KEYS, Clock())
    assert inviter.to_invite(ONLINE, [], [NORTH]) == {2: SOUTH}


def test_a_site_whose_node_was_not_there_is_asked_again_later() -> None:
    clock = Clock()
    inviter = Inviter(lambda: KEYS, clock)
    inviter.to_invite({1: b"key of north"}, [], [])
    refused = [Verdict(1, False, "No node answers at the door.")]
    assert inviter.to_invite({1: b"key of north"}, refused, []) == {}
    assert "not taken: No node answers" in inviter.standing(NORTH)
    clock.now = AGAIN + 1
    assert inviter.to_invite({1: b"key of north"}, [], []) == {1: NORTH}


def test_a_verdict_of_a_node_that_is_nobodys_changes_nothing() -> None:
    inviter = Inviter(lambda: KEYS, Clock())
    inviter.to_invite(ONLINE, [], [])
    inviter.to_invite(ONLINE, [Verdict(3, True, "I am north"), Verdict(99, True, "so am I")], [])
    assert inviter.standing(NORTH) == "invited, no verdict yet"


def test_a_supernode_under_a_new_number_is_found_by_its_key() -> None:
    inviter = Inviter(lambda: KEYS, Clock())
    inviter.to_invite({1: b"key of north"}, [], [])
    inviter.to_invite({7: b"key of north"}, [Verdict(7, True, "invited")], [])
    assert inviter.standing(NORTH) == "invitation taken: invited"
    assert inviter.standing(SOUTH) == "invitation waits: its SuperNode is not online"
