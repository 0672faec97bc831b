"""What a person reads of scored runs: tables for a terminal or Markdown, and one page of HTML."""
