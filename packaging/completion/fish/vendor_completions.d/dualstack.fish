# fish reads this at the first Tab after `dualstack`, and the program that is installed says the rest.
dualstack completion fish | source
