"""Evidence and a policy come in; findings, and the decision to start a run or to do nothing, go out. Pure."""
