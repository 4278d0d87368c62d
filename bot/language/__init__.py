"""One pure function from what people type, in English and Japanese, to a command object. No network, no model.

`parser.parse` is the door; each room knows the ones after it in this list and none before it:

1. `dialogue`    sentences that lean on the one before: answers to a question, changes to a plan;
2. `parser`      text in, command out: runs the rooms below in the opposite order and fills the command object;
3. `intents`     which of the nineteen intents it is: whole-sentence frames, then rules from the surest to the least;
4. `clauses`     the facts of the sentence: moods, refusals, people, conditions, messages, what is only background;
5. `values`      numbers become ranges, lists and values, look for the knob or count they belong to, and are checked;
6. `references`  jobs, trials, data sets and models that are pointed at;
7. `tokens`      one alphabet, slips put right, then numbers, spans of time, file names and labelled words;
8. `vocabulary`  the words themselves, read from prompts/<language>/vocabulary: a new synonym is a line of data.
"""
