"""A course with this book: each student's own data, the release of the problem sets, and their grading."""

from grokutil.course.student import Student, student

__all__ = ["Student", "student"]
