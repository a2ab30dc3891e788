// Package tocsin is the root of the repository. It holds no code: the program
// is cmd/tocsin, the services are in services, what they share is in pkg. The
// tests here hold the rules that all of them keep.
package tocsin
