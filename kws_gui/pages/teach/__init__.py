"""The Teach page: a word from typing it to trying it, in five steps."""
