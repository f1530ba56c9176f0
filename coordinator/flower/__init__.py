"""Flower carries invitations: who is where, and what the ServerApp is told."""
