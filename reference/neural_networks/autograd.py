"""Automatic differentiation.

An engine for gradients: arrays that remember how they were computed, and one
walk back through this record, which finds the derivative of a loss with
respect to all of them.

Axes    any; a rule turns the gradient dy for a node's value into that for a
        parent's.
Page    docs/en/neural_networks/autograd.md ("eq. 3" marks the line of its (3))
Source  Linnainmaa, Taylor Expansion of the Accumulated Rounding Error, BIT
        1976; Griewank and Walther, Evaluating Derivatives, 2nd ed., 2008
"""

import numpy as np
from jaxtyping import Float

from reference.neural_networks.multilayer_perceptron import relu


class Variable:
    """An array of real floats that remembers how it was computed.

    Arithmetic with variables gives new variables. The other operand may be a
    number or an array: a constant, which takes the variable's dtype and gets
    no gradient. Infinities and NaN go through as in NumPy.

    Attributes:
        value: The array itself, no copy of what was given.
        gradient: After `backward` the derivative of the loss with respect to
            the value, of the value's shape; before that None.
        edges: For each use of a parent a pair: the parent, and the rule that
            turns the gradient for this value into the gradient for the
            parent's. A leaf, which was not computed, has none.

    Raises:
        ValueError: The value, a constant or the parts of a computation are no
            real floating-point numbers of one dtype.

    >>> x = Variable(3.0)
    >>> y = x * x + 1.0
    >>> y.value
    array(10.)
    >>> backward(y)
    >>> x.gradient
    array(6.)
    """

    __array_ufunc__ = None  # NumPy leaves `array * variable` to the variable

    def __init__(self, value, edges=()):
        self.value = np.asarray(value)
        self.gradient = None
        self.edges = tuple(edges)
        if self.value.dtype.kind != "f":
            raise ValueError(
                "a variable needs real floating-point numbers, got "
                f"{self.value.dtype}"
            )

    def __add__(self, other):
        a, b = self.value, _array(other, self)
        return _node(a + b, (self, lambda dy: dy), (other, lambda dy: dy))

    def __sub__(self, other):
        a, b = self.value, _array(other, self)
        return _node(a - b, (self, lambda dy: dy), (other, lambda dy: -dy))

    def __rsub__(self, other):
        return _node(_array(other, self) - self.value, (self, lambda dy: -dy))

    def __neg__(self):
        return _node(-self.value, (self, lambda dy: -dy))

    def __mul__(self, other):
        a, b = self.value, _array(other, self)
        return _node(
            a * b, (self, lambda dy: dy * b), (other, lambda dy: dy * a)
        )

    __radd__, __rmul__ = __add__, __mul__

    def __truediv__(self, other):
        a, b = self.value, _array(other, self)
        y = a / b
        return _node(
            y, (self, lambda dy: dy / b), (other, lambda dy: -dy * y / b)
        )

    def __rtruediv__(self, other):
        b = self.value
        y = _array(other, self) / b
        return _node(y, (self, lambda dy: -dy * y / b))

    def __pow__(self, c):
        if isinstance(c, Variable):
            raise ValueError(
                "a power needs a constant exponent, got a variable: write "
                "(c * x.log()).exp() for a positive x"
            )
        a, c = self.value, _array(c, self)
        less = np.where(c == 0, c, c - 1)  # 0 / a would be NaN at a = 0
        return _node(a**c, (self, lambda dy: dy * c * a**less))

    def __matmul__(self, other):
        a, b = _matrices(self.value, _array(other, self))
        return _node(
            a @ b,
            (self, lambda dy: dy @ b.mT),  # eq. 3
            (other, lambda dy: a.mT @ dy),  # eq. 4
        )

    def __rmatmul__(self, other):
        a, b = _matrices(_array(other, self), self.value)
        return _node(a @ b, (self, lambda dy: a.mT @ dy))

    def sum(self, axis=None, keepdims=False):
        """Return the sum over all axes, or over an axis or a tuple of them."""
        a = self.value
        y = np.sum(a, axis=axis, keepdims=True)
        return _node(
            y if keepdims else np.squeeze(y, axis=axis),
            (self, lambda dy: np.broadcast_to(dy.reshape(y.shape), a.shape)),
        )

    def mean(self, axis=None, keepdims=False):
        """Return the mean over all axes, or over an axis or several.

        Raises:
            ValueError: There is no number to take the mean of.
        """
        total = self.sum(axis, keepdims)
        if self.value.size == 0:
            raise ValueError(
                f"a mean needs 1 number, got shape {self.value.shape}"
            )
        return total / (self.value.size / total.value.size)

    def exp(self):
        """Return e to the power of each number."""
        y = np.exp(self.value)
        return _node(y, (self, lambda dy: dy * y))

    def log(self):
        """Return the natural logarithm of each number."""
        a = self.value
        return _node(np.log(a), (self, lambda dy: dy / a))

    def tanh(self):
        """Return the hyperbolic tangent of each number."""
        y = np.tanh(self.value)
        return _node(y, (self, lambda dy: dy * (1 - y * y)))

    def relu(self):
        """Return each number where it is positive, and 0 elsewhere."""
        a = self.value
        return _node(relu(a), (self, lambda dy: np.where(a <= 0, 0.0, dy)))


def topological_order(loss: Variable) -> list[Variable]:
    """Return all variables that the loss was computed from, and itself last.

    Every variable stands behind all of its parents.

    >>> x = Variable(3.0)
    >>> y = x * x
    >>> topological_order(y + x)[:2] == [x, y]
    True
    """
    order, seen, stack = [], set(), [(loss, False)]
    while stack:  # no recursion, which Python limits to about 1000 levels
        node, parents_done = stack.pop()
        if parents_done:
            order.append(node)
        elif node not in seen:
            seen.add(node)
            stack.append((node, True))
            stack.extend((parent, False) for parent, _ in node.edges)
    return order


def backward(loss: Variable) -> None:
    """Set the gradient of all variables that the loss was computed from.

    To the gradient of a leaf, the derivative is added; all others start
    afresh. Set `leaf.gradient = None` for a fresh start there as well.

    Raises:
        ValueError: The loss is not one number of shape (), or a rule returns
            an array that does not fit the parent's value.

    >>> x = Variable(np.array([1.0, 5.0]))
    >>> backward((x * x).sum())
    >>> x.gradient
    array([ 2., 10.])
    """
    if loss.value.shape != ():
        raise ValueError(
            "backward needs a loss that is one number of shape (), got shape "
            f"{loss.value.shape}"
        )
    upstream = {loss: np.ones_like(loss.value)}
    for node in reversed(topological_order(loss)):
        dy = upstream.pop(node)
        fresh = node.edges or node.gradient is None
        node.gradient = np.asarray(dy if fresh else node.gradient + dy)
        for parent, rule in node.edges:
            dx = np.asarray(rule(dy), dtype=parent.value.dtype)
            dx = unbroadcast(dx, parent.value.shape)
            # Adding makes a new array: dx may be dy itself.
            upstream[parent] = upstream.get(parent, 0.0) + dx  # eq. 1


def unbroadcast(
    dy: Float[np.ndarray, "..."], shape: tuple[int, ...]
) -> Float[np.ndarray, "..."]:
    """Return the gradient for an array of a shape that broadcasting stretched.

    Raises:
        ValueError: Arrays of this shape cannot be stretched to that of dy.

    >>> unbroadcast(np.array([[1.0, 0.0], [2.0, 5.0]]), (2,))
    array([3., 5.])
    """
    if dy.shape == shape:
        return dy
    if np.broadcast_shapes(dy.shape, shape) != dy.shape:
        raise ValueError(
            f"a gradient of shape {dy.shape} needs a value that broadcasts "
            f"to this shape, got one of shape {shape}"
        )
    new = dy.ndim - len(shape)
    stretched = [new + i for i, length in enumerate(shape) if length == 1]
    axes = (*range(new), *stretched)
    return np.sum(dy, axis=axes, keepdims=True).reshape(shape)  # eq. 2


def _node(value, *edges) -> Variable:
    """Return a variable with the edges from variables, not from constants."""
    return Variable(value, [e for e in edges if isinstance(e[0], Variable)])


def _array(x, like: Variable) -> np.ndarray:
    """Return a variable's value, or a constant in the dtype of `like`."""
    a = np.asarray(x.value if isinstance(x, Variable) else x)
    dtype = like.value.dtype
    if isinstance(x, Variable) and a.dtype != dtype:
        raise ValueError(
            f"variables of one computation need one dtype, got {dtype} and "
            f"{a.dtype}"
        )
    if a.dtype.kind not in "fiub":
        raise ValueError(
            f"a constant needs real numbers, got {a.dtype} from {x!r}"
        )
    return np.asarray(a, dtype=dtype)


def _matrices(a: np.ndarray, b: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return both if they are matrices or stacks of matrices."""
    if a.ndim < 2 or b.ndim < 2:
        raise ValueError(
            "a matrix product needs two axes or more on both sides, got "
            f"shapes {a.shape} and {b.shape}"
        )
    return a, b
