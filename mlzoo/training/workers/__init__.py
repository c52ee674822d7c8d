"""Trainings whose processes Ray starts and watches, on one machine or many."""
