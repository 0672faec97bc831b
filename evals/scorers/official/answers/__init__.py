"""Official metrics of question answering: what an answer in words is worth beside the annotators' words."""
