"""Tests of the app and of the stack it is tried on."""
