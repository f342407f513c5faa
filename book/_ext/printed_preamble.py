"""Fonts, title page and numbering of the printed book."""

from citation import authors, read

PREAMBLE = r"""
\usepackage{newunicodechar,etoolbox,tikz,microtype}
\newunicodechar{^^^^200b}{\allowbreak}
\protected\def\sphinxstyleindexentry#1{#1}
\setlength{\emergencystretch}{3em}
\AtBeginEnvironment{tabulary}{\small}
\AtBeginEnvironment{tabular}{\small}
\AtBeginEnvironment{longtable}{\small}
% Chapters without a number share one count of figures, tables and equations, as on the pages.
\newif\ifloose\loosetrue
\newcommand{\loosechapters}{\setcounter{secnumdepth}{-2}\ifloose\else\loosetrue\setcounter{chapter}{0}%
  \setcounter{figure}{\value{loosefigure}}\setcounter{table}{\value{loosetable}}%
  \setcounter{equation}{\value{looseequation}}\fi}
\newcommand{\numberedchapters}{\ifloose\loosefalse\setcounter{secnumdepth}{2}%
  \setcounter{loosefigure}{\value{figure}}\setcounter{loosetable}{\value{table}}%
  \setcounter{looseequation}{\value{equation}}\setcounter{chapter}{\value{lastchapter}}\fi}
\newcounter{loosefigure}\newcounter{loosetable}\newcounter{looseequation}\newcounter{lastchapter}
\pretocmd{\chapter}{\ifloose\else\setcounter{lastchapter}{\numexpr\value{chapter}+1\relax}\fi}{}{}
"""

FONTS = r"""
\setmainfont{FreeSerif}[
  Extension = .otf, UprightFont = *, ItalicFont = *Italic, BoldFont = *Bold, BoldItalicFont = *BoldItalic]
\setsansfont{FreeSans}[
  Extension = .otf, UprightFont = *, ItalicFont = *Oblique, BoldFont = *Bold, BoldItalicFont = *BoldOblique]
\setmonofont{DejaVuSansMono}[
  Extension = .ttf, UprightFont = *, ItalicFont = *-Oblique, BoldFont = *-Bold, BoldItalicFont = *-BoldOblique,
  Scale = 0.78]
"""

TITLE_PAGE = r"""
\begin{titlepage}
\raggedright
\vspace*{0.2\textheight}
{\Huge\bfseries TITLE\par}
\vspace{2em}
{\Large AUTHORS\par}
\vspace{1em}
{\large Version VERSION\par}
\vfill
A companion to \emph{PAPER} by PAPERAUTHORS (PAPERPLACE).\par
\vspace{1em}
Text and figures: Creative Commons Attribution 4.0 International (CC BY 4.0). Code: MIT License.\par
\vspace{1em}
This is the printed form of an executable book. Explorers stand as two of their pictures; code that only draws is
left out; solutions stand open below their exercises.
\end{titlepage}
"""


def latex_elements() -> dict[str, str]:
    """Sphinx's `latex_elements`; title, authors and version are those of CITATION.cff."""
    book = read()
    paper = book["references"][0]
    words = {
        "PAPERAUTHORS": authors(paper),
        "PAPERPLACE": paper["journal"],
        "PAPER": paper["title"],
        "TITLE": book["title"],
        "AUTHORS": authors(book),
        "VERSION": book["version"],
    }
    title = TITLE_PAGE
    for word, said in words.items():
        title = title.replace(word, said)
    return {
        "papersize": "a4paper",
        "pointsize": "10pt",
        "extraclassoptions": "openany,oneside",
        "fontpkg": FONTS,
        "fncychap": "",
        "preamble": PREAMBLE,
        "maketitle": title,
        "tableofcontents": r"\renewcommand{\contentsname}{Contents}\sphinxtableofcontents",
        "printindex": r"\footnotesize\raggedright\label{\detokenize{book/genindex::doc}}\printindex",
        "sphinxsetup": "verbatimforcewraps=true, verbatimwithframe=false, VerbatimColor={rgb}{0.96,0.96,0.96}",
    }
