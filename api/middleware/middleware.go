// Package middleware is what requests pass on their way to a handler; package api says in which order.
package middleware
