"""A federation's authority: who belongs to it, under which keys and certificates.

Everything here works on one folder, and needs no network. The folder's `authority` part holds the
keys that can make members: it belongs on a machine that is off line, never on the coordinator's.
"""
