"""Every basic concept is explained on a page, and the glossary leads there."""

import re
from pathlib import Path

import pytest

from tools.corrections import claims

DOCS = Path(__file__).parents[1] / "docs/en"
ROW = re.compile(
    r"^\| \*\*(.+?)\*\*.*? \| (.+?) \| (.+?) \| \[.+\]\((.+)\) \|$"
)
HANGUL = re.compile("[가-힣]")

# What a course on the basics names, by the part that explains it. A line is one
# subject; where it has several terms, each must be in the glossary.
CONCEPTS = {
    "foundations": """
        artificial intelligence, machine learning, deep learning
        supervised learning, unsupervised learning
        training data, test data
        regression function, conditional expectation
        parametric model, non-parametric method
        interpretable, parsimony
        affine map, linear map, matrix product
        chain rule, upstream gradient, local derivative, downstream gradient
        entropy, Kullback–Leibler divergence
        classification, reinforcement learning, self-supervised learning
    """,
    "regression": """
        coefficients, intercept, slope, error
        least squares, normal equations
        residual sum of squares, residual standard error
        coefficient of determination, total sum of squares, correlation
        independent and identically distributed
        likelihood, maximum likelihood, log-likelihood
        dummy variable, baseline
        interaction, main effect, hierarchy principle, synergy
        polynomial features, standardize, outlier
    """,
    "generalization": """
        overfitting, underfitting, bias–variance trade-off
        training set, validation set, test set
        cross-validation, fold
        best subset selection, forward stepwise selection
        backward stepwise selection, forward stagewise fitting
        penalty, ridge regression, lasso
        curse of dimensionality
    """,
    "classification": """
        sigmoid, logistic regression, negative log-likelihood, cross entropy
        linear classifier, flatten, softmax, one-hot vector, logit
        margin, logistic loss, exponential loss, hinge loss
        support vector machine, hyperplane, support vectors
        soft margin, kernel trick
        k-nearest neighbours
        Euclidean distance, Manhattan distance, cosine distance
        gradient descent, learning rate, convex, Newton's method
    """,
    "trees": """
        threshold, regression tree, classification tree, greedy
        Gini impurity
        pre-pruning, post-pruning
        bootstrap, bagging, random forest, ensemble
        boosting, AdaBoost, gradient boosting
    """,
    "unsupervised": """
        k-means, elbow, hierarchical clustering
        principal component analysis, manifold
        decorrelate, whitening, multidimensional scaling
    """,
    "neural_networks": """
        perceptron, linearly separable, exclusive or, threshold unit
        multilayer perceptron, dense layer, fully connected layer
        universal approximation theorem
        step function, saturation, zero-centred, hyperbolic tangent
        rectified linear unit, dead unit, leaky ReLU, exponential linear unit
        mean squared error, mean absolute error
        aleatoric uncertainty, binary cross entropy
        backpropagation, automatic differentiation, vanishing gradient
    """,
    "optimization": """
        local minimum, global minimum, saddle point
        stochastic gradient descent, mini-batch, iteration, epoch
        gradient noise
        momentum, Nesterov momentum
        AdaGrad, Adadelta, RMSProp, Adam, adaptive learning rate
        first-order method, second-order method
        learning rate schedule, step decay, cosine decay, linear decay
        inverse square root decay, warm-up
        gradient clipping, exploding gradient
    """,
    "training": """
        data, model, loss function, algorithm
        initialization, Xavier initialization, He initialization
        data augmentation, jitter
        batch normalization, running moments, covariate shift
        internal covariate shift, layer normalization
        dropout, early stopping, weight decay, mixup
        Bayesian optimization, grid search, random search
        residual connection, pre-norm, post-norm
    """,
    "convolution": """
        convolution, filter, feature hierarchy, locality, weight sharing
        translation equivariant, shift invariant
        stride, padding, pooling, max pooling
        LeNet, AlexNet, GoogLeNet, Inception module
        residual network, densely connected network
        semantic segmentation, object detection, pose estimation
        visual question answering
    """,
    "sequences": """
        n-gram, Markov assumption, language model
        word2vec, CBOW, skip-gram, GloVe, co-occurrence matrix
        recurrent network, hidden state
        one-to-many, many-to-one, many-to-many
        backpropagation through time
        long short-term memory, cell, input gate, forget gate, output gate
        gated recurrent unit, update gate, reset gate
        sequence to sequence, encoder, decoder, start token, autoregressive
        teacher forcing, encoder-decoder attention
    """,
    "transformers": """
        attention, query, key, value, self-attention, cross-attention
        multi-head attention, positional encoding, sinusoidal encoding
        Transformer, Transformer block, feed-forward network
        causal mask, padding mask
        token aggregation, [CLS] token
        BERT, masked language modelling, next sentence prediction
        GPT, decoder-only, few-shot
        Vision Transformer, patch embedding, inductive bias
        pre-training, fine-tuning
    """,
    "generative": """
        autoencoder, variational autoencoder, evidence lower bound
        generative adversarial network, generator, discriminator
    """,
    "beyond_supervision": """
        deep Q-network, replay buffer
        contrastive learning, SimCLR
    """,
}
TERMS = [
    (part, term.strip())
    for part, text in CONCEPTS.items()
    for line in text.strip().splitlines()
    for term in line.split(",")
]


def read_glossary():
    """Return Korean name, meaning and page of every term in lower case."""
    text = DOCS.joinpath("glossary.md").read_text(encoding="utf-8")
    rows = (ROW.match(line) for line in text.splitlines())
    return {row[1].lower(): row.groups()[1:] for row in rows if row}


@pytest.fixture(scope="module")
def glossary():
    """Return the glossary, read once."""
    return read_glossary()


@pytest.mark.parametrize(("part", "term"), TERMS)
def test_every_concept_is_explained_where_the_glossary_says(
    part, term, glossary
):
    korean, meaning, page = glossary[term.lower()]
    assert page.startswith(f"{part}/")
    assert HANGUL.search(korean) or term.isupper() or term == "SimCLR"
    assert len(meaning.split()) > 3
    text = DOCS.joinpath(page).read_text(encoding="utf-8")
    assert f"**{term.lower()}" in " ".join(text.lower().split())


def test_every_row_of_the_glossary_can_be_read(glossary):
    text = DOCS.joinpath("glossary.md").read_text(encoding="utf-8")
    assert len(glossary) == text.count("\n| **") > 500


def test_the_book_corrects_claims_in_every_part():
    for part in CONCEPTS:
        pages = sorted(DOCS.joinpath(part).glob("*.md"))
        assert sum(len(claims(p.read_text("utf-8"))) for p in pages) > 2
