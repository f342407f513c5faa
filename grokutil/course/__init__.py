"""A course with this book: each student's own data, the release of the problem sets, and their grading.

The package may import the mathematics and ``grokutil.runs``.
"""

from grokutil.course.student import Student, student

__all__ = ["Student", "student"]
