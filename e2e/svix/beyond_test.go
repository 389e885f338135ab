package svix

// beyond are the calls that Svix's own server does not have, but its cloud, and Bellhop.
var beyond = []struct{ verb, path string }{}
