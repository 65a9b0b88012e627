"""Sync of users, groups and supervisors with an HR extract: plan, guards, changes and report."""
